/** Seals the ledger's days: hashes what was written down in each, once it is long over, upon the day before. */
import { type Instant, later, type Millis, millis } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { Log } from "@/lib/kernel/log.ts";
import { fixFormats, linesOut, tally, type Transaction } from "./csv_lines.ts";
import { contentsOf, dayAfter, type DayLines, digestOf, NO_DIGEST } from "./day_chain.ts";
import { dayRange, type InputKind, INPUTS } from "./inputs.ts";

/** What is written about a day is written by then: a snapshot takes seconds, a clock is off by less. */
export const SEAL_AFTER: Millis = millis(3_600_000);
/** One run takes no longer than this many days; the next goes on. */
const DAYS_MAX = 40;
const DAY_MS_MAX = 300_000;

export type SealDeps = { readonly sql: Sql; readonly log: Log };

const SEALED: readonly InputKind[] = INPUTS.filter(({ sealed }) => sealed);

/**
 * Seals each day that was over at `now` for long enough, oldest first, those without rows too. Several replicas may
 * run it at once: one does. Answers the days it sealed.
 */
export async function sealDays(
  { sql, log }: SealDeps,
  now: Instant,
  signal?: AbortSignal,
): Promise<string[]> {
  const sealed: string[] = [];
  while (sealed.length < DAYS_MAX && signal?.aborted !== true) {
    const day = await sealNext(sql, now);
    if (day === null) break;
    log.info("ledger.sealed", { day });
    sealed.push(day);
  }
  return sealed;
}

/** One day, in a transaction of its own: null when none is due, or another replica is at it. */
async function sealNext(sql: Sql, now: Instant): Promise<string | null> {
  return await sql.begin(async (tx) => {
    const [lock] = await tx<{ won: boolean }[]>`
      select pg_try_advisory_xact_lock(hashtextextended('seal ledger days', 0)) as won
    `;
    if (lock?.won !== true) return null;
    await fixFormats(tx);
    await tx`select set_config('statement_timeout', ${String(DAY_MS_MAX)}, true)`;
    const [last] = await tx<{ day: string; digest: string }[]>`
      select to_char(day, 'YYYY-MM-DD') as day, digest from ledger_days order by day desc limit 1
    `;
    const day = last === undefined ? await firstDay(tx) : dayAfter(last.day);
    if (day === null || later(dayRange(day).to, SEAL_AFTER) > now) return null;
    const kinds: DayLines[] = [];
    for (const kind of SEALED) kinds.push(await linesOf(tx, kind, day));
    const contents = contentsOf(kinds);
    const previousDigest = last?.digest ?? NO_DIGEST;
    const digest = digestOf({ previousDigest, day, contents });
    await tx`
      insert into ledger_days (day, previous_day, previous_digest, contents, digest, sealed_at)
      values (
        ${day}, ${last?.day ?? null}, ${previousDigest}, ${contents}, ${digest}, ${new Date(now)}
      )
    `;
    return day;
  });
}

/** The day of the oldest row there is; null when there is none. */
async function firstDay(tx: Transaction): Promise<string | null> {
  const days: string[] = [];
  for (const { table, columns: [time = ""] } of SEALED) {
    const [row] = await tx<{ day: string | null }[]>`
      select to_char(min(${tx(time)}), 'YYYY-MM-DD') as day from ${tx(table)}
    `;
    if (row !== undefined && row.day !== null) days.push(row.day);
  }
  return days.sort()[0] ?? null;
}

/** How many lines a kind has on a day, and their hash. */
export async function linesOf(
  tx: Transaction,
  { name, ofDay }: InputKind,
  day: string,
): Promise<DayLines> {
  const lines = tally();
  for await (const part of linesOut(tx, ofDay(day), null)) lines.add(part);
  const { lines: count, sha256 } = lines.end();
  return { name, lines: count, sha256 };
}
