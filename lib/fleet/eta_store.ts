/** How long a tier's own wakes took, whole and by phase, from the rows of the last month. */
import { type Instant, later, millis } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { WakeTimes } from "./eta.ts";
import type { WakePhase } from "./machine_store.ts";
import type { PlaceName } from "./place.ts";

/** The history an estimate rests on: so many wakes of a tier, not older than so many days. */
export const WAKES_MAX = 200;
const DAYS_MAX = 30;

/**
 * Percentiles of `healthy_at − asked_at` in seconds over this tier's served wakes from `fromPlace`: at most the last
 * 200, of the last 30 days. Null when there are none.
 */
export async function etaOf(
  sql: Sql,
  tier: string,
  fromPlace: PlaceName,
  now: Instant,
): Promise<WakeTimes | null> {
  return (await wakeTimes(sql, now, tier)).get(timesKey(tier, fromPlace)) ?? null;
}

/** The same for every tier and place at once, by {@link timesKey}; of one tier when it is named. */
export async function wakeTimes(
  sql: Sql,
  now: Instant,
  tier: string | null = null,
): Promise<ReadonlyMap<string, WakeTimes>> {
  const rows = await sql<(WakeTimes & { tier: string; fromPlace: string })[]>`
    select
      tier, from_place as "fromPlace",
      percentile_cont(0.5) within group (order by took) as "p50S",
      percentile_cont(0.95) within group (order by took) as "p95S",
      count(*)::integer as samples
    from (
      select
        tier, from_place, extract(epoch from healthy_at - asked_at)::float8 as took,
        row_number() over (partition by tier, from_place order by asked_at desc) as nr
      from wakes
      where outcome = 'served' and healthy_at is not null and asked_at > ${daysBefore(now)}
        and (${tier}::text is null or tier = ${tier})
    ) recent
    where nr <= ${WAKES_MAX}
    group by tier, from_place
  `;
  return new Map(rows.map(({ tier, fromPlace, ...times }) => [timesKey(tier, fromPlace), times]));
}

/** Names the wakes of one tier from one place. */
export function timesKey(tier: string, fromPlace: string): string {
  return `${tier} ${fromPlace}`;
}

/** The time of one phase since the one before it was seen. */
export type PhaseTimes = WakeTimes & { readonly phase: WakePhase | "firstToken" };

/** The percentiles of each phase of a tier's served wakes, in seconds, first phase first; phases never seen are left out. */
export async function phaseTimesOf(sql: Sql, tier: string, now: Instant): Promise<PhaseTimes[]> {
  return await sql<PhaseTimes[]>`
    with recent as (
      select id, asked_at, power_asked_at, power_on_at, address_at, port_open_at, healthy_at, first_token_at
      from wakes
      where tier = ${tier} and outcome = 'served' and asked_at > ${daysBefore(now)}
      order by asked_at desc
      limit ${WAKES_MAX}
    ), seen as (
      select
        recent.id, step.phase, step.nr, step.at,
        lag(step.at) over (partition by recent.id order by step.nr) as before
      from recent
      cross join lateral (values
        ('asked', 0, asked_at), ('powerAsked', 1, power_asked_at), ('powerOn', 2, power_on_at),
        ('address', 3, address_at), ('portOpen', 4, port_open_at), ('healthy', 5, healthy_at),
        ('firstToken', 6, first_token_at)
      ) as step (phase, nr, at)
      where step.at is not null
    )
    select
      phase,
      percentile_cont(0.5) within group (order by extract(epoch from at - before)::float8) as "p50S",
      percentile_cont(0.95) within group (order by extract(epoch from at - before)::float8) as "p95S",
      count(*)::integer as samples
    from seen
    where nr > 0
    group by phase, nr
    order by nr
  `;
}

/** Where the history of an estimate begins. */
export function daysBefore(now: Instant): Date {
  return new Date(later(now, millis(-DAYS_MAX * 86_400_000)));
}
