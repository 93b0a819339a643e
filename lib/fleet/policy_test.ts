import assert from "node:assert/strict";
import { minutes, seconds } from "@/lib/kernel/clock.ts";
import { parseFleet } from "@/lib/kernel/config.ts";
import type { Provider, ProviderCapabilities } from "@/lib/providers/provider.ts";
import { isFixed, policies, policyOf } from "./policy.ts";

const [TIER] = parseFleet(`
models:
  - { id: m, name: M, vendor: V, kind: chat, context_tokens: 1000 }
lineup:
  - name: spot
    provider: local
    band: spot
    machines: 2
    always_ready: 1
    serves: { m: m }
    idle: 10m
    nap: { after: 2m, level: 2 }
    wake: { power: 4m, load: 6m, stop: 3m, reask: 20s, sick: 9s, attempts: 3, retry: 5s, retry_max: 80s, no_stock: 70s }
    limits: { total: 30m }
    local: { command: [serve] }
`).lineup;

const PROCESSES: ProviderCapabilities = {
  rest: "asleep",
  creates: false,
  starts: true,
  restBilling: "none",
  billing: { usageSnapshot: false, instanceCost: false },
};
const ALWAYS_ON = { ...PROCESSES, starts: false };

Deno.test("policyOf() takes a tier's spans and its provider's abilities", () => {
  assert.ok(TIER);
  assert.deepEqual(policyOf(TIER, 1, PROCESSES), {
    power: minutes(4),
    create: minutes(12),
    load: minutes(6),
    stop: minutes(3),
    reask: seconds(20),
    sick: seconds(9),
    idle: minutes(10),
    nap: { after: minutes(2), level: 2 },
    retry: seconds(5),
    retryMax: seconds(80),
    attempts: 3,
    noStock: seconds(70),
    preemptible: false,
    ageMax: null,
    drain: minutes(30),
    replacements: { max: 3, within: minutes(1_440) },
    rest: "asleep",
    creates: false,
    starts: true,
    alwaysReady: false,
  });
});

Deno.test("policyOf() keeps the first slots ready, and every server that is always on", () => {
  assert.ok(TIER);
  const kept = [0, 1].map((slot) => policyOf(TIER, slot, PROCESSES).alwaysReady);
  assert.deepEqual(kept, [true, false]);
  const fixed = policyOf(TIER, 1, ALWAYS_ON);
  assert.deepEqual([fixed.alwaysReady, isFixed(fixed)], [true, true]);
  assert.equal(isFixed(policyOf(TIER, 1, { ...ALWAYS_ON, creates: true })), false);
});

Deno.test("policyOf() lets only what is rented be taken back, and grow no older than it may", () => {
  assert.ok(TIER);
  const rented = { ...PROCESSES, creates: true };
  const spot = policyOf(TIER, 0, rented);
  assert.deepEqual([spot.preemptible, spot.ageMax], [true, minutes(30 * 1_440)]);
  const standard = policyOf({ ...TIER, band: "standard", age_max: minutes(90) }, 0, rented);
  assert.deepEqual([standard.preemptible, standard.ageMax], [false, minutes(90)]);
  assert.equal(policyOf({ ...TIER, age_max: minutes(90) }, 0, PROCESSES).ageMax, null);
  const aged = { ...TIER, age_max: minutes(100) };
  const ages = [0, 1, 9, 10].map((slot) => policyOf(aged, slot, rented).ageMax);
  assert.deepEqual(ages, [100, 98, 82, 100].map(minutes), "not a whole tier at once");
});

Deno.test("policies() winds down machines whose tier, or its provider, is not in the lineup any more", () => {
  assert.ok(TIER);
  const provider: Pick<Provider, "name" | "capabilities"> = {
    name: "local",
    capabilities: PROCESSES,
  };
  const of = policies([TIER], new Map([["local", provider as Provider]]));
  const named = { tier: "spot", slot: 0, provider: "local" };
  assert.equal(of(named).alwaysReady, true);
  const gone = of({ ...named, tier: "gone" });
  assert.deepEqual([gone.alwaysReady, gone.nap, gone.starts], [false, null, true]);
  const moved = of({ ...named, provider: "elsewhere" });
  assert.deepEqual([moved.alwaysReady, isFixed(moved)], [false, true]);
});
