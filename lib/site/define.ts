/** What every page may know of this deployment, and the helpers that type pages with it. */
import { createDefine } from "fresh";
import type { Instant } from "@/lib/kernel/clock.ts";
import type { Lineup } from "@/lib/fleet/lineup.ts";
import type { FleetView } from "@/lib/fleet/fleet_view.ts";
import type { OpenApi } from "@/lib/gateway/openapi.ts";
import type { Library } from "./library.ts";
import type { OgImages } from "./og_images.ts";
import type { ModelObject } from "@/lib/gateway/models_list.ts";
import type { CurrentPrices } from "@/lib/ledger/price.ts";
import type { FiguresReader } from "@/lib/ledger/figures_read.ts";
import type { RollupText } from "@/lib/ledger/rollups.ts";
import type { FoldName } from "@/lib/ledger/folds.ts";
import type { Publications } from "@/lib/ledger/publication/publications.ts";
import type { Figures } from "./figures.ts";
import type { ReconciliationReader } from "./components/Reconciliation.tsx";
import type { Found } from "./search_index.ts";
import type { StatusFeed } from "./status_snapshot.ts";

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
  /** The catalogue as `GET /v1/models` tells it, in the order of the configuration. */
  readonly models: () => readonly ModelObject[];
  /** The prices in force, each with the day it began. */
  readonly prices: () => CurrentPrices;
  readonly status: StatusFeed;
  /** The learn hub and the glossary. */
  readonly library: Library;
  /** The hub's search, and the same index as JSON for the browser. */
  readonly search: { readonly find: (query: string) => readonly Found[]; readonly json: string };
  /** The figures that articles name. */
  readonly figures: () => Promise<Figures>;
  readonly windows: FiguresReader;
  /** The text of every fold, as it is run. */
  readonly folds: ReadonlyMap<FoldName, string>;
  /** The rows behind the figures, for whoever wants to work them out again. */
  readonly publications: Publications;
  /** The last days beside the providers' own figures, newest first. */
  readonly reconciliation: ReconciliationReader;
  /** What makes the totals that the folds read. */
  readonly rollupTexts: readonly RollupText[];
  readonly openApi: OpenApi;
  readonly ogImages: OgImages;
  readonly now: () => Instant;
};

export const define = createDefine<SiteState>();
