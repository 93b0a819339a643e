/** The keeper's events as metrics. */
import type { Metrics } from "@/lib/kernel/metrics.ts";
import type { KeeperMetrics } from "@/lib/fleet/keeper.ts";

export function keeperMetrics(metrics: Metrics): KeeperMetrics {
  return {
    looked: () => metrics.keeperLooksTotal.inc({ outcome: "looked" }),
    lookFailed: () => metrics.keeperLooksTotal.inc({ outcome: "failed" }),
    moved: (tier, _from, to) => {
      metrics.keeperLooksTotal.inc({ outcome: "moved" });
      if (to === "ready") metrics.wakesTotal.inc({ tier, outcome: "served" });
      if (to === "failed") metrics.wakesTotal.inc({ tier, outcome: "failed" });
    },
    acted: (_act, outcome) => metrics.keeperLooksTotal.inc({ outcome: `act_${outcome}` }),
  };
}
