import assert from "node:assert/strict";
import { instant } from "@/lib/kernel/clock.ts";
import { parseFleet } from "@/lib/kernel/config.ts";
import {
  chargeOf,
  type Price,
  type PriceAsk,
  priceChanges,
  priceKey,
  priceOf,
  pricesAsked,
} from "./price.ts";

const price = (over: Partial<Price> = {}): Price => ({
  id: "prc_1",
  model: "small",
  band: "spot",
  inputNanoUsd: 300_000_000n,
  outputNanoUsd: 700_000_000n,
  validFrom: instant(0),
  validTo: null,
  ...over,
});
const book = (...prices: Price[]) =>
  new Map(prices.map((each) => [priceKey(each.model, each.band), each]));
const asked: PriceAsk = {
  model: "small",
  band: "spot",
  inputNanoUsd: 300_000_000n,
  outputNanoUsd: 700_000_000n,
};

Deno.test("priceOf() finds the price of a model in a band, and null where there is none", () => {
  const prices = book(price(), price({ id: "prc_2", band: "standard" }));
  assert.equal(priceOf(prices, "small", "standard")?.id, "prc_2");
  assert.equal(priceOf(prices, "large", "spot"), null);
});

Deno.test("chargeOf() rounds once, and charges nothing without a price", () => {
  const usage = { promptTokens: 1, completionTokens: 1 };
  const odd = price({ inputNanoUsd: 300_000n, outputNanoUsd: 200_000n });
  // 0.3 and 0.2 nano-dollars: rounded apart they would come to 0.
  assert.deepEqual(chargeOf(odd, usage), { priceId: "prc_1", costNanoUsd: 1n });
  assert.deepEqual(chargeOf(null, usage), { priceId: null, costNanoUsd: 0n });
});

Deno.test("pricesAsked() reads each band that has a price", () => {
  const fleet = parseFleet(`
models:
  - { id: small, name: Small, vendor: V, kind: chat, context_tokens: 1000,
      prices: { spot: { input: "0.30", output: "0.70" } } }
  - { id: free, name: Free, vendor: V, kind: chat, context_tokens: 1000 }
lineup:
  - { name: t, provider: static, band: spot, serves: { small: small }, static: { urls: ["http://localhost:1"] } }
`);
  assert.deepEqual(pricesAsked(fleet), [asked]);
});

Deno.test("priceChanges() keeps what is asked for as it is", () => {
  assert.deepEqual(priceChanges(book(price()), [asked]), { close: [], open: [] });
});

Deno.test("priceChanges() closes a changed price and opens it anew, whichever part changed", () => {
  for (const change of [{ inputNanoUsd: 1n }, { outputNanoUsd: 1n }]) {
    const changed = { ...asked, ...change };
    assert.deepEqual(priceChanges(book(price()), [changed]), { close: [price()], open: [changed] });
  }
});

Deno.test("priceChanges() opens what is new and closes what is no longer asked for", () => {
  const other = { ...asked, band: "standard" as const };
  assert.deepEqual(priceChanges(book(price()), [other]), { close: [price()], open: [other] });
});
