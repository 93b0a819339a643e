import assert from "node:assert/strict";
import { instant } from "@/lib/kernel/clock.ts";
import { parseFleet } from "@/lib/kernel/config.ts";
import { lineupOf } from "@/lib/fleet/lineup.ts";
import type { Machine, Place } from "@/lib/fleet/place.ts";
import { readyMachine } from "./acquire_testing.ts";
import { modelObject, tierState } from "./models_list.ts";

const NOW = instant(1_700_000_100_000);
const lineup = lineupOf(parseFleet(`
models:
  - id: m
    name: M
    vendor: Vendor
    kind: chat
    context_tokens: 8192
    aliases: [small]
    prices: { spot: { input: "0.10", output: "0.000001" } }
  - { id: other, name: Other, vendor: V, kind: code, context_tokens: 10 }
lineup:
  - { name: spot, provider: static, band: spot, serves: { m: m }, static: { urls: ["http://a.test"] } }
  - { name: standard, provider: static, band: standard, serves: { m: x, other: o }, static: { urls: ["http://b.test"] } }
`));
const [m, other] = lineup.models;

const at = (tier: string, place: Place): Machine => ({ ...readyMachine(tier), place });
const asleep: Place = { at: "asleep" };

function shown(
  machines: readonly Machine[],
  { p50S = null, wakeAskedAt = null }: { p50S?: number | null; wakeAskedAt?: number | null } = {},
) {
  assert.ok(m !== undefined);
  const openWake = wakeAskedAt === null ? null : {
    id: "wak_1",
    tier: "spot",
    machineId: "spot-0",
    requestId: null,
    askedAt: instant(wakeAskedAt),
    deadline: NOW,
    fromPlace: "asleep" as const,
    powerAskedAt: null,
    powerOnAt: null,
    addressAt: null,
    portOpenAt: null,
    healthyAt: null,
    firstTokenAt: null,
    endedAt: null,
    outcome: null,
    because: null,
    phase: "asked" as const,
    eta: null,
    retryAt: null,
  };
  return modelObject(
    m,
    lineup,
    {
      machines: () => machines,
      openWake: (tier) => tier === "spot" ? openWake : null,
      etaFor: (tier) => tier === "spot" && p50S !== null ? { p50S, p95S: 99, samples: 3 } : null,
    },
    1_700_000_000,
    NOW,
  );
}

Deno.test("modelObject() is OpenAI's object with the state, prices and times beside it", () => {
  assert.deepEqual(shown([at("spot", asleep), readyMachine("standard")], { p50S: 41.4 }), {
    id: "m",
    object: "model",
    created: 1_700_000_000,
    owned_by: "Vendor",
    emberlane: {
      name: "M",
      kind: "chat",
      context_tokens: 8192,
      aliases: ["small"],
      state: "Active",
      eta_s: 0,
      tiers: [
        {
          name: "spot",
          band: "spot",
          state: "Cold",
          eta_s: 41,
          price_usd_per_mtok: { input: "0.10", output: "0.000001" },
        },
        { name: "standard", band: "standard", state: "Active", eta_s: 0, price_usd_per_mtok: null },
      ],
    },
  });
});

Deno.test("modelObject() knows no time without history, and says so", () => {
  const { emberlane } = shown([at("spot", asleep), at("standard", asleep)]);
  assert.deepEqual([emberlane.state, emberlane.eta_s], ["Cold", null]);
});

Deno.test("modelObject() counts what passed of an open wake, down to one second", () => {
  const eta = (agoS: number) =>
    shown([], { p50S: 40, wakeAskedAt: NOW - agoS * 1_000 }).emberlane.eta_s;
  assert.deepEqual([eta(0), eta(15), eta(39), eta(60)], [40, 25, 1, 1]);
});

Deno.test("modelObject() lists only the tiers that serve the model", () => {
  assert.ok(other !== undefined);
  const fleet = { machines: () => [], openWake: () => null, etaFor: () => null };
  const { emberlane } = modelObject(other, lineup, fleet, 0, NOW);
  assert.deepEqual(emberlane.tiers.map((tier) => tier.name), ["standard"]);
});

Deno.test("tierState() is the best of its machines; without any it is Cold", () => {
  const loading: Place = { at: "loading", deadline: NOW, askedAt: NOW, rousing: false };
  const napping: Place = { at: "napping", since: NOW, askedAt: NOW, sickSince: null };
  assert.equal(tierState([]), "Cold");
  assert.equal(tierState([at("t", asleep), at("t", loading)]), "Warming up");
  assert.equal(tierState([at("t", loading), at("t", napping)]), "Sleeping");
  assert.equal(tierState([at("t", { at: "failed", retryAt: NOW })]), "Failed");
  assert.equal(tierState([at("t", napping), readyMachine("t")]), "Active");
});
