/** Rows as CSV, straight from PostgreSQL: what COPY writes is what is published and what is hashed. */
import { createHash } from "node:crypto";
import type { Sql } from "@/lib/kernel/database.ts";

/** One connection, within `begin`. */
export type Transaction = Parameters<Parameters<Sql["begin"]>[1]>[0];

/** Times are in UTC to the microsecond; nothing is an empty field, and an empty text is `""`. */
export async function fixFormats(tx: Transaction): Promise<void> {
  await tx`select set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true)`;
}

/** The bytes of a query's rows; with a header line when asked. Throws what the database throws. */
export async function* copyOut(
  tx: Transaction,
  select: string,
  { header }: { readonly header: boolean },
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const options = header ? "format csv, header" : "format csv";
  const rows = await tx.unsafe(`copy (${select}) to stdout with (${options})`).readable();
  for await (const part of rows) yield new Uint8Array(part);
}

/** Counts lines and hashes bytes as they pass. */
export function tally() {
  const hash = createHash("sha256");
  let lines = 0;
  let bytes = 0;
  return {
    add(part: Uint8Array): void {
      hash.update(part);
      bytes += part.length;
      for (let i = part.indexOf(LINE_FEED); i >= 0; i = part.indexOf(LINE_FEED, i + 1)) lines++;
    },
    end: () => ({ lines, bytes, sha256: hash.digest("hex") }),
  };
}

const LINE_FEED = 10;
