/** Past wakes as the status page tells them: the latest ones, and how long each step took by tier. */
import type { Instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { WakeTimes } from "./eta.ts";
import { daysBefore, WAKES_MAX } from "./eta_store.ts";
import { recentWakes, type WakeRecord } from "./wakes_store.ts";

/**
 * The steps of a wake as a person follows them. `ask`: until the provider was asked; a computer that is just being
 * stopped must rest first. `power`: until the computer has power (a restore, or a new rental). `address`: until it is
 * known where it answers. `boot`: until its port answers. `load`: until the engine is healthy (weights, compilation).
 * `firstToken`: until the first token reached a client.
 */
export type WakeStep = "ask" | "power" | "address" | "boot" | "load" | "firstToken";

/** The percentiles of one step, or of the whole until the engine was healthy, over a tier's served wakes, in seconds. */
export type StepTimes = WakeTimes & { readonly tier: string; readonly step: WakeStep | "whole" };

export type WakeHistory = {
  /** Newest first. */
  readonly recent: readonly WakeRecord[];
  /** Steps that were never seen are left out. */
  readonly steps: readonly StepTimes[];
};

/** How many past wakes are shown. */
export const RECENT_WAKES_MAX = 20;

/** Reads what the status page tells of the past, over the same wakes that estimates rest on. */
export async function wakeHistory(sql: Sql, now: Instant): Promise<WakeHistory> {
  const [recent, steps] = await Promise.all([
    recentWakes(sql, { limit: RECENT_WAKES_MAX }),
    stepTimes(sql, now),
  ]);
  return { recent, steps };
}

async function stepTimes(sql: Sql, now: Instant): Promise<StepTimes[]> {
  return await sql<StepTimes[]>`
    with recent as (
      select
        tier, asked_at, power_asked_at, power_on_at, address_at, port_open_at, healthy_at, first_token_at,
        row_number() over (partition by tier order by asked_at desc) as nr
      from wakes
      where outcome = 'served' and asked_at > ${daysBefore(now)}
    ), took as (
      select recent.tier, part.step, greatest(0, extract(epoch from part.span)::float8) as seconds
      from recent
      cross join lateral (values
        ('ask', power_asked_at - asked_at),
        ('power', power_on_at - coalesce(power_asked_at, asked_at)),
        ('address', address_at - power_on_at),
        ('boot', port_open_at - coalesce(address_at, power_on_at)),
        ('load', healthy_at - port_open_at),
        ('firstToken', first_token_at - healthy_at),
        ('whole', healthy_at - asked_at)
      ) as part (step, span)
      where recent.nr <= ${WAKES_MAX} and part.span is not null
    )
    select
      tier, step,
      percentile_cont(0.5) within group (order by seconds) as "p50S",
      percentile_cont(0.95) within group (order by seconds) as "p95S",
      count(*)::integer as samples
    from took
    group by tier, step
  `;
}
