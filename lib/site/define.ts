/** What every page may know of this deployment, and the helpers that type pages with it. */
import { createDefine } from "fresh";
import type { Instant } from "@/lib/kernel/clock.ts";
import type { Lineup } from "@/lib/fleet/lineup.ts";
import type { FleetView } from "@/lib/fleet/fleet_view.ts";

export type SiteState = {
  readonly name: string;
  /** Where clients send requests, without a path. */
  readonly origin: string;
  /** Who runs it; empty when they do not say. */
  readonly operator: string;
  readonly version: string;
  readonly demo: boolean;
  readonly lineup: Lineup;
  readonly fleet: Pick<FleetView, "machines" | "etaFor" | "openWake">;
  readonly wakeCapS: number;
  /** When this deployment first named its lineup, Unix seconds. */
  readonly lineupSinceS: number;
  readonly now: () => Instant;
};

export const define = createDefine<SiteState>();
