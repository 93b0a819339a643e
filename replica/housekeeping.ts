/** What a replica does every few seconds whether or not anybody asks: count replicas, sweep dead rows, reread prices. */
import type { Clock } from "@/lib/kernel/clock.ts";
import { millis } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { Metrics } from "@/lib/kernel/metrics.ts";
import type { FleetView } from "@/lib/fleet/fleet_view.ts";
import { DEAD_AFTER, liveReplicas } from "@/lib/fleet/replicas_store.ts";
import { expireWakes } from "@/lib/fleet/wakes_store.ts";
import type { CurrentPrices } from "@/lib/ledger/price.ts";
import { currentPrices } from "@/lib/ledger/prices_store.ts";
import { rollUp } from "@/lib/ledger/rollups.ts";
import { makeUsageMonths, sweepRows } from "@/lib/ledger/usage_store.ts";

export type HousekeepingDeps = {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly view: FleetView;
  readonly signal: AbortSignal;
};

export type Housekeeping = {
  readonly liveReplicas: () => number;
  readonly prices: () => CurrentPrices;
  /** The minute's sweep, for the cron. */
  readonly sweep: () => Promise<void>;
  /** The minute's totals, for the cron. */
  readonly rollUp: (signal: AbortSignal) => Promise<void>;
};

const ROUND_EVERY = millis(3_000);

/** Does one round, then one every three seconds until the signal aborts. */
export async function housekeeping(deps: HousekeepingDeps): Promise<Housekeeping> {
  const { sql, clock, log, metrics, view, signal } = deps;
  let live = 1;
  let prices = await currentPrices(sql);

  async function round(): Promise<void> {
    live = Math.max(1, (await liveReplicas(sql)).length);
    metrics.replicas.set(live);
    const swept = await sweepRows(sql, DEAD_AFTER / 1_000, clock.now());
    if (swept > 0) log.warn("usage_rows_swept", { rows: swept });
    await expireWakes(sql, clock.now());
    countPlaces(metrics, view);
  }

  async function keepRound(): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(ROUND_EVERY, signal);
      if (signal.aborted) return;
      await round().catch((error) => log.warn("housekeeping_failed", { error }));
    }
  }

  await round();
  keepRound();
  return {
    liveReplicas: () => live,
    prices: () => prices,
    async sweep() {
      await makeUsageMonths(sql, clock.now());
      prices = await currentPrices(sql);
    },
    rollUp: (within) => rollUp(sql, clock.now(), within),
  };
}

function countPlaces(metrics: Metrics, view: FleetView): void {
  metrics.machines.reset();
  metrics.machinesLeftAlone.reset();
  for (const { tier, place } of view.machines()) {
    metrics.machines.inc({ tier, place: place.at });
    if (place.at === "failed") {
      metrics.machinesLeftAlone.inc({ tier, reason: place.why ?? "start-failed" });
    }
  }
}
