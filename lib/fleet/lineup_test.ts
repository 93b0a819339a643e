import assert from "node:assert/strict";
import { parseFleet } from "@/lib/kernel/config.ts";
import { parseUsd } from "@/lib/kernel/money.ts";
import { lineupOf, targetsFor } from "./lineup.ts";

const tier = (name: string, band: string, serves: string) =>
  `{ name: ${name}, provider: static, band: ${band}, serves: ${serves}, static: { urls: ["http://x:1"] } }`;
const lineup = lineupOf(parseFleet(`
models:
  - { id: big, name: B, vendor: V, kind: chat, context_tokens: 1, aliases: [large],
      prices: { spot: { input: 1, output: "0.40" }, standard: { input: 1, output: "0.80" } } }
  - { id: small, name: S, vendor: V, kind: chat, context_tokens: 1 }
routes: { auto: [big, small] }
lineup:
  - ${tier("first", "spot", "{ big: org/big }")}
  - ${tier("second", "standard", "{ big: big-fp8, small: small }")}
`));
const any = { band: null, maxOutputNanoUsd: null };
const shown = (asked: string, policy: Parameters<typeof targetsFor>[2] = any) =>
  targetsFor(lineup, asked, policy).map(({ tier, model, upstreamModel }) =>
    `${tier.name} ${model.id} ${upstreamModel}`
  );

Deno.test("targetsFor() gives the tiers that serve a model by priority, under their own names for it", () => {
  assert.deepEqual(shown("big"), ["first big org/big", "second big big-fp8"]);
  assert.deepEqual(shown("large"), shown("big"));
  assert.deepEqual(shown("small"), ["second small small"]);
  assert.deepEqual(shown("nobody"), []);
});

Deno.test("targetsFor() goes through a route model by model", () => {
  assert.deepEqual(shown("auto"), [
    "first big org/big",
    "second big big-fp8",
    "second small small",
  ]);
});

Deno.test("targetsFor() keeps to the band and to the price, at the very price and not above", () => {
  assert.deepEqual(shown("big", { ...any, band: "standard" }), ["second big big-fp8"]);
  const at = (usd: string) => shown("big", { ...any, maxOutputNanoUsd: parseUsd(usd) });
  assert.deepEqual(at("0.80"), ["first big org/big", "second big big-fp8"]);
  assert.deepEqual(at("0.799999999"), ["first big org/big"]);
  assert.deepEqual(at("0.39"), []);
  assert.deepEqual(
    shown("small", { ...any, maxOutputNanoUsd: 0n }),
    ["second small small"],
    "no price is no charge",
  );
});
