/** Which price applies to a request, and how the prices of `fleet.yaml` change the dated ones. Pure. */
import type { Instant } from "@/lib/kernel/clock.ts";
import { type Band, BANDS, type FleetFile } from "@/lib/kernel/fleet_file.ts";
import { costOfUsage, type NanoUsd } from "@/lib/kernel/money.ts";

/** What a model costs in a band, per million tokens. */
export type PriceAsk = {
  readonly model: string;
  readonly band: Band;
  readonly inputNanoUsd: NanoUsd;
  readonly outputNanoUsd: NanoUsd;
};

/** A price that was ever in force: from `validFrom` until just before `validTo`; null is still. */
export type Price = PriceAsk & {
  readonly id: string;
  readonly validFrom: Instant;
  readonly validTo: Instant | null;
};

/** The prices in force, by {@link priceKey}. */
export type CurrentPrices = ReadonlyMap<string, Price>;

/** What one request comes to. Without a price it is served at no charge. */
export type Charge = { readonly priceId: string | null; readonly costNanoUsd: NanoUsd };

/** Those in use are few; one made anew would be hashed anew for each request. */
const KEYS = new Map<string, Map<Band, string>>();
const KEYS_MAX = 1_000;

/** The name of a price in {@link CurrentPrices}. No model id holds a space. */
export function priceKey(model: string, band: Band): string {
  let keys = KEYS.get(model);
  if (keys === undefined) {
    if (KEYS.size >= KEYS_MAX) KEYS.clear();
    KEYS.set(model, keys = new Map());
  }
  let key = keys.get(band);
  if (key === undefined) keys.set(band, key = `${model} ${band}`);
  return key;
}

/**
 * The price of a catalogue model in a band, or null when it is served at no charge. The one in force when a request
 * is let in is the one it pays, however long it runs.
 */
export function priceOf(prices: CurrentPrices, model: string, band: Band): Price | null {
  return prices.get(priceKey(model, band)) ?? null;
}

/** What a request's tokens come to at a price, rounded once. */
export function chargeOf(
  price: Price | null,
  usage: { promptTokens: number; completionTokens: number },
): Charge {
  if (price === null) return { priceId: null, costNanoUsd: 0n };
  return { priceId: price.id, costNanoUsd: costOfUsage(usage, price) };
}

/** The prices `fleet.yaml` asks for. */
export function pricesAsked(fleet: Pick<FleetFile, "models">): PriceAsk[] {
  return fleet.models.flatMap((model) =>
    BANDS.flatMap((band) => {
      const price = model.prices[band];
      if (price === undefined) return [];
      return [{ model: model.id, band, inputNanoUsd: price.input, outputNanoUsd: price.output }];
    })
  );
}

/** What must change so that exactly the asked prices are in force: a changed one is closed and opened anew. */
export function priceChanges(
  current: CurrentPrices,
  asked: readonly PriceAsk[],
): { close: Price[]; open: PriceAsk[] } {
  const kept = new Set<string>();
  const open: PriceAsk[] = [];
  for (const ask of asked) {
    const key = priceKey(ask.model, ask.band);
    const now = current.get(key);
    const same = now?.inputNanoUsd === ask.inputNanoUsd && now.outputNanoUsd === ask.outputNanoUsd;
    if (same) kept.add(key);
    else open.push(ask);
  }
  const close = [...current].filter(([key]) => !kept.has(key)).map(([, price]) => price);
  return { close, open };
}
