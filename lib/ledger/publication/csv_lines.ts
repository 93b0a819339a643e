/** Rows as lines of CSV, straight from PostgreSQL: what it writes is what is published and what is hashed. */
import { createHash } from "node:crypto";
import type { Sql } from "@/lib/kernel/database.ts";

const LINES_AT_ONCE = 4_000;

/** One connection, within `begin`. */
export type Transaction = Parameters<Parameters<Sql["begin"]>[1]>[0];

/** Times are in UTC to the microsecond; nothing is an empty field, and an empty text is `""`. */
export async function fixFormats(tx: Transaction): Promise<void> {
  await tx`select set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true)`;
}

/**
 * The lines of a query that answers lines, each ended by a line feed, after `header` when there is one. Rows are
 * fetched as they are taken. (Not by COPY: the driver may wait for ever on one that is slowed down or fails.)
 */
export async function* linesOut(
  tx: Transaction,
  select: string,
  header: string | null,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  if (header !== null) yield encoder.encode(`${header}\n`);
  for await (const rows of tx.unsafe<{ line: string }[]>(select).cursor(LINES_AT_ONCE)) {
    yield encoder.encode(rows.map(({ line }) => `${line}\n`).join(""));
  }
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
