/**
 * Roll-ups: totals by minute (and by trigger by hour) of closed usage rows and of machine time, which the published
 * figures read. Rolling a minute again appends what it was short of, so a late row is found by looking again.
 */
import type postgres from "postgres";
import { type Instant, instant, later, millis } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** Each run looks this far back again: a transaction commits, and clocks differ, by less. */
const BACK_EACH_RUN = millis(10 * MINUTE_MS);
/** Once an hour: a database outage, and a stream that moved to another machine, last less. */
const BACK_EACH_HOUR = millis(6 * HOUR_MS);
/** Once a day: over all that a published window can hold. Raw rows are to be kept for as long. */
const BACK_EACH_DAY = millis(35 * DAY_MS);
/** One transaction rolls at most this much, so that each is short however far behind we are. */
const SPAN_MS_MAX = HOUR_MS;

const TEXTS = Promise.all(
  ["roll_usage.sql", "roll_machine_time.sql"].map((name) =>
    Deno.readTextFile(new URL(name, import.meta.url))
  ),
);

type SqlOrTransaction = postgres.ISql<{ bigint: number }>;

export type Span = { readonly from: Instant; readonly to: Instant };
export type RollupText = { readonly name: string; readonly text: string };
export type RolledState = {
  readonly rolledTo: Instant | null;
  readonly recheckedAt: Instant | null;
};

/**
 * Rolls up every minute that has ended by `now`, looks again at the last ones, and at those of long ago when an hour
 * or a day has begun since that was last done. Each span is one transaction: a run that is killed, or stopped by
 * `signal`, leaves whole minutes, and the next one goes on. Runs take turns; a second one finds nothing to do.
 */
export async function rollUp(sql: Sql, now: Instant, signal?: AbortSignal): Promise<void> {
  const state = await readState(sql);
  const to = minuteOf(now);
  const first = await oldest(sql);
  const fresh = { from: freshFrom(state, first, to), to };
  for (const span of spansOf(fresh)) {
    if (signal?.aborted) return;
    await rollSpan(sql, span, now, "advance");
  }
  const back = recheckBack(state.recheckedAt, now);
  if (back === null) return;
  const from = instant(Math.max(to - back, minuteOf(first ?? to)));
  for (const span of spansOf({ from, to: fresh.from })) {
    if (signal?.aborted) return;
    await rollSpan(sql, span, now, "again");
  }
  await sql`update rollups set rechecked_at = ${new Date(now)}`;
}

/** All minutes before this are rolled up; null: none has been yet. */
export async function readRolledTo(sql: SqlOrTransaction): Promise<Instant | null> {
  return (await readState(sql)).rolledTo;
}

/** What makes the totals, as it is run: the tables and what reads them, and the two statements of a minute. */
export async function readRollupTexts(): Promise<readonly RollupText[]> {
  const [usage = "", machineTime = ""] = await TEXTS;
  const tables = await Deno.readTextFile(
    new URL("../../migrations/0007_rollups.sql", import.meta.url),
  );
  return [
    { name: "roll_usage.sql", text: usage },
    { name: "roll_machine_time.sql", text: machineTime },
    { name: "0007_rollups.sql", text: tables },
  ].map(({ name, text }) => ({ name, text: text.trim() }));
}

/** Where a run begins: a little before the end of the last one; the first of all, with the first row there is. */
export function freshFrom(
  { rolledTo }: RolledState,
  oldest: Instant | null,
  to: Instant,
): Instant {
  const usual = later(rolledTo === null || rolledTo > to ? to : rolledTo, millis(-BACK_EACH_RUN));
  return rolledTo === null && oldest !== null && oldest < usual ? minuteOf(oldest) : usual;
}

/** How far back the minutes of long ago are to be looked through at `now`; null: not now. */
export function recheckBack(recheckedAt: Instant | null, now: Instant): number | null {
  const isSame = (unitMs: number) =>
    recheckedAt !== null && Math.floor(recheckedAt / unitMs) === Math.floor(now / unitMs);
  if (!isSame(DAY_MS)) return BACK_EACH_DAY;
  return isSame(HOUR_MS) ? null : BACK_EACH_HOUR;
}

/** A span cut at whole hours. */
export function spansOf({ from, to }: Span): Span[] {
  const spans: Span[] = [];
  for (let at = from; at < to;) {
    const next = instant(Math.min(to, (Math.floor(at / SPAN_MS_MAX) + 1) * SPAN_MS_MAX));
    spans.push({ from: at, to: next });
    at = next;
  }
  return spans;
}

const minuteOf = (at: Instant): Instant => instant(Math.floor(at / MINUTE_MS) * MINUTE_MS);

async function rollSpan(
  sql: Sql,
  { from, to }: Span,
  now: Instant,
  how: "advance" | "again",
): Promise<void> {
  const texts = await TEXTS;
  const values = [from, to, now].map((at) => new Date(at).toISOString());
  await sql.begin(async (tx) => {
    // The next statement sees all that the one who held this before has written.
    await tx`select pg_advisory_xact_lock(hashtextextended('roll_up', 0))`;
    for (const text of texts) await tx.unsafe(text, values);
    if (how === "again") return;
    await tx`update rollups set rolled_to = greatest(rolled_to, ${new Date(to)})`;
  });
}

async function readState(sql: SqlOrTransaction): Promise<RolledState> {
  const [row] = await sql<{ rolledTo: Date | null; recheckedAt: Date | null }[]>`
    select rolled_to as "rolledTo", rechecked_at as "recheckedAt" from rollups`;
  const at = (date: Date | null | undefined) => date ? instant(date.getTime()) : null;
  return { rolledTo: at(row?.rolledTo), recheckedAt: at(row?.recheckedAt) };
}

/** The first thing there is to roll up. */
async function oldest(sql: Sql): Promise<Instant | null> {
  const [row] = await sql<{ at: Date | null }[]>`
    select least((select min(closed_at) from usage), (select min(at) from operations)) as at`;
  return row?.at ? instant(row.at.getTime()) : null;
}
