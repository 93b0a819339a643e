/** The keeper's events as metrics. */
import type { Sql } from "@/lib/kernel/database.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { Metrics } from "@/lib/kernel/metrics.ts";
import type { KeeperMetrics } from "@/lib/fleet/keeper.ts";
import type { Machine } from "@/lib/fleet/place.ts";
import { recentWakes, type WakeRecord } from "@/lib/fleet/wakes_store.ts";

export function keeperMetrics(metrics: Metrics): KeeperMetrics {
  return {
    looked: () => metrics.keeperLooksTotal.inc({ outcome: "looked" }),
    lookFailed: () => metrics.keeperLooksTotal.inc({ outcome: "failed" }),
    moved: () => metrics.keeperLooksTotal.inc({ outcome: "moved" }),
    refused: (tier, kind) => metrics.providerRefusalsTotal.inc({ tier, class: kind }),
    acted: (_act, outcome) => metrics.keeperLooksTotal.inc({ outcome: `act_${outcome}` }),
  };
}

/**
 * What the replica that moved a machine notes of the wake this ended. Only the mover does, so that the sum over
 * replicas counts each wake once.
 */
export function wakeObserver(
  { sql, metrics, log }: { sql: Sql; metrics: Metrics; log: Log },
): (machine: Machine) => void {
  return ({ id, tier, place }) => {
    if (place.at !== "ready" && place.at !== "failed") return;
    recentWakes(sql, { tier, limit: 1 }).then(([wake]) => {
      if (wake?.machineId !== id || wake.outcome === null) return;
      metrics.wakesTotal.inc({ tier, outcome: wake.outcome });
      if (wake.outcome === "served") observePhases(metrics, wake);
    }).catch((error) => log.warn("wake_not_observed", { error }));
  };
}

/** Each phase lasts from the last step seen before it. */
function observePhases(metrics: Metrics, wake: WakeRecord): void {
  const steps = [
    ["power_asked", wake.powerAskedAt],
    ["power_on", wake.powerOnAt],
    ["address", wake.addressAt],
    ["port_open", wake.portOpenAt],
    ["healthy", wake.healthyAt],
  ] as const;
  let last = wake.askedAt;
  for (const [phase, at] of steps) {
    if (at === null) continue;
    metrics.wakeSeconds.observe({ tier: wake.tier, phase }, Math.max(0, at - last) / 1_000);
    last = at;
  }
  metrics.wakeSeconds.observe({ tier: wake.tier, phase: "total" }, (last - wake.askedAt) / 1_000);
}
