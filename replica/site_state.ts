/** What the site may know of this replica, gathered from its parts. */
import type { Sql } from "@/lib/kernel/database.ts";
import type { FleetFile } from "@/lib/kernel/fleet_file.ts";
import type { FleetView } from "@/lib/fleet/fleet_view.ts";
import { wakeHistory } from "@/lib/fleet/recent_wakes.ts";
import type { ApiDeps } from "@/lib/gateway/api.ts";
import { modelObject } from "@/lib/gateway/models_list.ts";
import type { SiteState } from "@/lib/site/define.ts";
import { loadLibrary } from "@/lib/site/library.ts";
import { figuresReader, machineShares } from "@/lib/ledger/figures_read.ts";
import { readFolds } from "@/lib/ledger/folds.ts";
import { createPublications } from "@/lib/ledger/publication/publications.ts";
import { readReconciled } from "@/lib/ledger/reconciliation_store.ts";
import { readRollupTexts } from "@/lib/ledger/rollups.ts";
import { figureValues } from "@/lib/site/figure_values.ts";
import { FIXED_PAGES } from "@/lib/site/pages.ts";
import { buildIndex, search } from "@/lib/site/search_index.ts";
import { createOgImages } from "@/lib/site/og_images.ts";
import { apiDocument } from "./api_document.ts";
import { createStatusFeed } from "./status_feed.ts";

/** Shown on the economics page. */
const DAYS_RECONCILED = 14;
const CONTENT = new URL("../content/", import.meta.url);

export type SiteStateDeps = {
  readonly file: FleetFile;
  readonly version: string;
  /** What the API answers with, so that the pages say the same. */
  readonly api: Pick<ApiDeps, "clock" | "held" | "lineup" | "lineupSince" | "log" | "prices">;
  readonly view: FleetView;
  readonly sql: Sql;
  /** Aborted when the gateway stops. */
  readonly signal: AbortSignal;
};

/** Takes some 200 ms of work, in turns with all else: whoever waits for it waits for the learn hub. */
export async function siteState(
  { file, version, api, view, sql, signal }: SiteStateDeps,
): Promise<SiteState> {
  const { clock, log, lineup } = api;
  const lineupSinceS = Math.floor(api.lineupSince / 1_000);
  const library = await loadLibrary(CONTENT, FIXED_PAGES, signal);
  const index = once(() => buildIndex(library));
  const indexJson = once(() => JSON.stringify(index()));
  const folds = await readFolds();
  const windows = figuresReader({ sql, clock, folds });
  const capS = file.gateway.wake_cap / 1_000;
  return {
    library,
    search: {
      find: (query) => search(index(), query),
      get json() {
        return indexJson();
      },
    },
    async figures() {
      const [day, month] = await Promise.all([windows("24h"), windows("30d")]);
      return figureValues({ day, month, shares: machineShares(month.machineTime), capS });
    },
    windows,
    folds,
    reconciliation: () => readReconciled(sql, DAYS_RECONCILED),
    publications: await createPublications({ sql, clock, log, folds }),
    rollupTexts: await readRollupTexts(),
    name: file.site.name,
    origin: file.site.origin,
    operator: file.site.operator,
    version,
    demo: file.site.demo,
    lineup,
    fleet: view,
    wakeCapS: capS,
    lineupSinceS,
    models: () =>
      lineup.models.map((model) => modelObject(model, lineup, view, lineupSinceS, clock.now())),
    prices: api.prices,
    status: createStatusFeed({
      tiers: lineup.tiers,
      fleet: view,
      waiting: (tier) => api.held.count(tier),
      history: (now) => wakeHistory(sql, now),
      clock,
      log,
      signal,
    }),
    openApi: apiDocument(file, version),
    ogImages: createOgImages({ clock }),
    now: () => clock.now(),
  };
}

/** Made when it is first asked for: a replica that nobody searches need not have it, and none needs it to start. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}
