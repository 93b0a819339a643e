/** The models a visitor browses: what is shown of each, and which of them a search finds. Pure. */
import type { Band, ModelSpec } from "@/lib/kernel/fleet_file.ts";
import type { ShownState } from "@/lib/fleet/place.ts";
import type { ModelObject } from "@/lib/gateway/models_list.ts";

/** US dollars per million tokens, as exact decimals; null: no charge is set. */
export type BandPrice = {
  readonly band: Band;
  readonly price: { readonly input: string; readonly output: string } | null;
};

export type CatalogModel = {
  readonly id: string;
  readonly name: string;
  readonly vendor: string;
  readonly kind: ModelSpec["kind"];
  readonly description: string;
  readonly contextTokens: number;
  readonly aliases: readonly string[];
  readonly state: ShownState;
  /** Seconds until a request would be served, from history; null: unknown. */
  readonly etaS: number | null;
  /** One for each band that serves it, in the order of the lineup; none when no tier does. */
  readonly prices: readonly BandPrice[];
};

export type CatalogQuery = { readonly kind: string; readonly q: string };

/** Longer searches are cut: nothing in the catalogue has such a name. */
export const SEARCH_CHARS_MAX = 100;

/** What is shown of a model. */
export function catalogModel(spec: ModelSpec, { emberlane }: ModelObject): CatalogModel {
  const bands = new Map<Band, BandPrice>();
  for (const { band, price_usd_per_mtok: price } of emberlane.tiers) {
    if (!bands.has(band)) bands.set(band, { band, price });
  }
  return {
    id: spec.id,
    name: spec.name,
    vendor: spec.vendor,
    kind: spec.kind,
    description: spec.description,
    contextTokens: spec.context_tokens,
    aliases: spec.aliases,
    state: emberlane.state,
    etaS: emberlane.eta_s,
    prices: [...bands.values()],
  };
}

/** Every model of the catalogue, in the order of the configuration. */
export function catalogOf(
  specs: readonly ModelSpec[],
  objects: readonly ModelObject[],
): CatalogModel[] {
  const byId = new Map(objects.map((object) => [object.id, object]));
  return specs.flatMap((spec) => {
    const object = byId.get(spec.id);
    return object === undefined ? [] : [catalogModel(spec, object)];
  });
}

/** Where a model's page is. A model's id holds nothing that a path must escape. */
export function modelPath(id: string): string {
  return `/models/${id}`;
}

/** What a URL asks for. Anything may stand there; an unknown kind means all of them. */
export function catalogQuery(
  params: Pick<URLSearchParams, "get">,
  kinds: readonly string[],
): CatalogQuery {
  const kind = params.get("kind") ?? "";
  const q = (params.get("q") ?? "").slice(0, SEARCH_CHARS_MAX);
  return { kind: kinds.includes(kind) ? kind : "", q };
}

/** The same as a URL's query, empty when everything is asked for. */
export function catalogSearch({ kind, q }: CatalogQuery): string {
  const params = new URLSearchParams();
  if (kind !== "") params.set("kind", kind);
  if (q.trim() !== "") params.set("q", q);
  return params.size === 0 ? "" : `?${params}`;
}

/** The kinds there are, in the order they first appear. */
export function kindsOf(models: readonly CatalogModel[]): string[] {
  return [...new Set(models.map((model) => model.kind))];
}

/** The models of a kind whose name, id, vendor, type or alias holds every word of the search. */
export function filterCatalog(
  models: readonly CatalogModel[],
  { kind, q }: CatalogQuery,
): CatalogModel[] {
  const words = q.toLowerCase().split(/\s+/).filter((word) => word !== "");
  return models.filter((model) => {
    if (kind !== "" && model.kind !== kind) return false;
    const text = [model.name, model.id, model.vendor, model.kind, ...model.aliases].join("\n")
      .toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
