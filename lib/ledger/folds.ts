/** The published figures' SQL: each file of `folds/` is shown as it stands and run as it stands. */
import { z } from "zod";
import type { Instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";

export type Window = { readonly from: Instant; readonly to: Instant };

const count = z.number().int().min(0);
const tokens = z.union([z.bigint(), z.string(), z.number()]).transform(Number);
const seconds = z.number();
/** Exact; a page rounds it for reading. */
const decimal = z.string().regex(/^-?\d+(\.\d+)?$/);

/** What each fold answers. */
const ROWS = {
  requests_and_tokens: z.object({
    requests: count,
    refused: count,
    prompt_tokens: tokens,
    completion_tokens: tokens,
  }),
  wakes: z.object({
    served: count,
    not_served: count,
    p50_s: seconds.nullable(),
    p95_s: seconds.nullable(),
  }),
  wake_timeouts: z.object({ waited: count, timed_out: count }),
  machine_time: z.object({
    tier: z.string(),
    powered_s: seconds,
    busy_s: seconds,
    idle_s: seconds,
  }),
  tokens_by_day: z.object({
    day: z.string(),
    requests: count,
    prompt_tokens: tokens,
    completion_tokens: tokens,
  }),
  spend: z.object({
    tier: z.string(),
    serving_usd: decimal,
    idle_usd: decimal,
    warm_up_usd: decimal,
    storage_usd: decimal,
    unknown_usd: decimal,
    usd: decimal,
  }),
  realised_cost: z.object({
    tier: z.string(),
    usd: decimal.nullable(),
    tokens,
    edge_unknown: z.boolean(),
    usd_per_mtok: decimal.nullable(),
    usd_per_mtok_output: decimal.nullable(),
  }),
  utilisation: z.object({
    tier: z.string(),
    powered_h: decimal,
    utilisation: decimal,
    idle_share: decimal,
  }),
  spend_by_day: z.object({
    day: z.string(),
    serving_usd: decimal,
    idle_usd: decimal,
    warm_up_usd: decimal,
    storage_usd: decimal,
    unknown_usd: decimal,
    usd: decimal,
    edge_unknown: z.boolean(),
  }),
  cost_by_day: z.object({
    day: z.string(),
    usd: decimal,
    tokens,
    edge_unknown: z.boolean(),
    usd_per_mtok: decimal.nullable(),
  }),
  cost_by_model: z.object({
    model: z.string(),
    usd: decimal,
    tokens,
    edge_unknown: z.boolean(),
    usd_per_mtok: decimal.nullable(),
    usd_per_mtok_output: decimal.nullable(),
  }),
  energy_by_day: z.object({
    day: z.string(),
    tier: z.string(),
    powered_h: decimal,
    watts: z.number().nullable(),
    kwh: decimal.nullable(),
    tokens,
    wh_per_mtok: decimal.nullable(),
  }),
  wake_phases: z.object({
    phase: z.string(),
    wakes: count,
    p50_s: seconds,
    p95_s: seconds,
  }),
  billing_gaps: z.object({ provider: z.string(), minutes: count, missing: count }),
} as const;

export type FoldName = keyof typeof ROWS;
export type FoldRow<Name extends FoldName> = z.infer<(typeof ROWS)[Name]>;

export const FOLD_NAMES = Object.keys(ROWS) as readonly FoldName[];

const FOLDER = new URL("folds/", import.meta.url);

/** The text of every fold, read once at start-up. */
export async function readFolds(): Promise<ReadonlyMap<FoldName, string>> {
  return new Map(
    await Promise.all(
      FOLD_NAMES.map(async (name) =>
        [name, (await Deno.readTextFile(new URL(`${name}.sql`, FOLDER))).trim()] as const
      ),
    ),
  );
}

/** Runs a fold over a window. Throws when its answer is not what it is declared to be. */
export async function runFold<Name extends FoldName>(
  sql: Pick<Sql, "unsafe">,
  folds: ReadonlyMap<FoldName, string>,
  name: Name,
  { from, to }: Window,
): Promise<FoldRow<Name>[]> {
  const text = folds.get(name);
  if (text === undefined) throw new Error(`No fold is named ${name}`);
  const values = [new Date(from).toISOString(), new Date(to).toISOString()];
  const rows = await sql.unsafe(text, values, { prepare: true });
  return z.array(ROWS[name]).parse([...rows]) as FoldRow<Name>[];
}

/** Every fold over one window. */
export type FoldRows = { readonly [Name in FoldName]: readonly FoldRow<Name>[] };

/**
 * Runs the folds that are wanted over a window, in a transaction one behind the other without waiting in between; the
 * others have no rows.
 */
export async function runFolds(
  sql: Pick<Sql, "unsafe">,
  folds: ReadonlyMap<FoldName, string>,
  window: Window,
  isWanted: (name: FoldName) => boolean,
): Promise<FoldRows> {
  const answers: Partial<Record<FoldName, unknown>> = {};
  await Promise.all(FOLD_NAMES.map(async (name) => {
    answers[name] = isWanted(name) ? await runFold(sql, folds, name, window) : [];
  }));
  return answers as FoldRows;
}
