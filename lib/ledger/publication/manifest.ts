/** What a publication says of itself: its window, and each of its files with its hash. */
import { z } from "zod";
import { type Instant, instant } from "@/lib/kernel/clock.ts";
import { FOLD_NAMES, type FoldName } from "../folds.ts";
import { INPUTS } from "./inputs.ts";

const moment = z.iso.datetime({ precision: 3 }).transform((text): Instant =>
  instant(Date.parse(text))
);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** A name that may be written into a folder as it is. */
const fileName = z.string().regex(/^[a-z0-9_]{1,80}\.(csv|json|sql)$/);

const manifestFile = z.object({
  name: fileName,
  says: z.string().max(500),
  /** Without a CSV file's header. */
  lines: z.number().int().min(0),
  bytes: z.number().int().min(0),
  sha256,
});

/** `manifest.json`. */
export const manifestShape = z.object({
  publication: z.string().regex(/^pub_[0-9a-z]{1,40}$/),
  made_at: moment,
  /** What the figures are of. */
  window: z.object({ name: z.string().max(40), from: moment, to: moment }),
  /** What the rows are of: the window from the midnight before it, so that each sealed day in it is whole. */
  range: z.object({ from: moment, to: moment }),
  files: z.array(manifestFile).max(200),
});

export type Manifest = z.output<typeof manifestShape>;
/** As it is stored and sent. */
export type ManifestJson = z.input<typeof manifestShape>;
export type ManifestFile = z.infer<typeof manifestFile>;

export const FIGURES_FILE = "figures.json";

/** `figures.json`: what each fold answered on the very rows that are published beside it. */
export const figuresShape = z.record(z.string(), z.array(z.record(z.string(), z.json())));
export type PublishedFigures = z.infer<typeof figuresShape>;

export const rangeFile = (input: string) => `${input}.csv`;
export const beforeFile = (input: string) => `${input}_before.csv`;
export const foldFile = (fold: FoldName) => `${fold}.sql`;

export type SqlFile = { readonly name: string; readonly says: string; readonly text: string };

const LEDGER = new URL("../", import.meta.url);
const MIGRATIONS = new URL("../../../migrations/", import.meta.url);

/** Every statement behind the figures, as this program runs it: the folds, what they fold, and the tables. */
export async function readSqlFiles(): Promise<SqlFile[]> {
  const of = async (name: string, says: string, url: URL): Promise<SqlFile> => ({
    name,
    says,
    text: await Deno.readTextFile(url),
  });
  const migrations: string[] = [];
  for await (const { name } of Deno.readDir(MIGRATIONS)) {
    if (name.endsWith(".sql")) migrations.push(name);
  }
  return await Promise.all([
    ...FOLD_NAMES.map((fold) =>
      of(foldFile(fold), `The figure ${fold}.`, new URL(`folds/${fold}.sql`, LEDGER))
    ),
    of("billed_machines.sql", "What a billed machine did.", new URL("billed_machines.sql", LEDGER)),
    of("spend_of_minute.sql", "The money of a minute.", new URL("spend_of_minute.sql", LEDGER)),
    of("roll_usage.sql", "Requests by the minute.", new URL("roll_usage.sql", LEDGER)),
    of(
      "roll_machine_time.sql",
      "Machine time by the minute.",
      new URL("roll_machine_time.sql", LEDGER),
    ),
    ...migrations.sort().map((name) =>
      of(name, "Tables and functions.", new URL(name, MIGRATIONS))
    ),
  ]);
}

/** Every CSV file of a publication, and the table it is of. */
export function csvFiles() {
  return INPUTS.flatMap((input) => [
    { input, name: rangeFile(input.name), isBefore: false },
    ...input.before === undefined ? [] : [{ input, name: beforeFile(input.name), isBefore: true }],
  ]);
}
