/** What the site may know of this replica, gathered from its parts. */
import type { Clock, Instant } from "@/lib/kernel/clock.ts";
import type { FleetFile } from "@/lib/kernel/fleet_file.ts";
import type { FleetView } from "@/lib/fleet/fleet_view.ts";
import type { Lineup } from "@/lib/fleet/lineup.ts";
import type { SiteState } from "@/lib/site/define.ts";

export type SiteStateDeps = {
  readonly file: FleetFile;
  readonly version: string;
  readonly lineup: Lineup;
  readonly lineupSince: Instant;
  readonly fleet: FleetView;
  readonly clock: Clock;
};

export function siteState(
  { file, version, lineup, lineupSince, fleet, clock }: SiteStateDeps,
): SiteState {
  return {
    name: file.site.name,
    origin: file.site.origin,
    operator: file.site.operator,
    version,
    demo: file.site.demo,
    lineup,
    fleet,
    wakeCapS: file.gateway.wake_cap / 1_000,
    lineupSinceS: Math.floor(lineupSince / 1_000),
    now: () => clock.now(),
  };
}
