/** Tests of fleet_file.ts. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { ConfigError, parseFleet } from "./config.ts";
import { fleetFile } from "./fleet_file.ts";

const model = { id: "m", name: "M", vendor: "V", kind: "chat", context_tokens: 1_000 };
const tier = {
  name: "box",
  provider: "local",
  band: "spot",
  serves: { m: "served-m" },
  local: { command: ["serve", "{port}"] },
};
const file = { models: [model], lineup: [tier] };

/** `path | message` of each issue. */
function issuesOf(value: unknown): string[] {
  const parsed = fleetFile.safeParse(value);
  if (parsed.success) return [];
  return parsed.error.issues.map((each) => `${each.path.join(".")} | ${each.message}`);
}
const withTier = (over: object) => ({ ...file, lineup: [{ ...tier, ...over }] });

Deno.test("fleetFile fills in everything a small file leaves out", () => {
  const parsed = fleetFile.parse(file);
  equal(parsed.site.name, "Emberlane");
  equal(parsed.gateway.wake_cap, 590_000);
  equal(parsed.lineup[0]?.idle, 900_000);
  equal(parsed.lineup[0]?.wake.attempts, 2);
  equal(parsed.lineup[0]?.when_cold, "spill");
  deepEqual(parsed.models[0]?.prices, {});
});

Deno.test("fleetFile reads durations in every unit, as whole milliseconds", () => {
  const idleOf = (idle: string) => fleetFile.parse(withTier({ idle })).lineup[0]?.idle;
  equal(idleOf("250ms"), 250);
  equal(idleOf("1.5s"), 1_500);
  equal(idleOf("0.0004s"), 0);
  equal(idleOf("15m"), 900_000);
  equal(idleOf("2h"), 7_200_000);
  equal(idleOf("365d"), 31_536_000_000);
});

Deno.test("fleetFile refuses a duration without a unit, a negative one, and one over a year", () => {
  for (const idle of ["15", "-1s", "1 m", "1w", "366d", "9".repeat(400) + "ms", ""]) {
    const [issue] = issuesOf(withTier({ idle }));
    ok(issue?.startsWith("lineup.0.idle | write a duration such as"), `${idle}: ${issue}`);
  }
});

Deno.test("fleetFile reads prices exactly, from text or number", () => {
  const prices = { spot: { input: "0.30", output: 0.7 } };
  const parsed = fleetFile.parse({ ...file, models: [{ ...model, prices }] });
  deepEqual(parsed.models[0]?.prices.spot, { input: 300_000_000n, output: 700_000_000n });
  const wrong = { spot: { input: "-1", output: 1e-10 } };
  equal(issuesOf({ ...file, models: [{ ...model, prices: wrong }] }).length, 2);
});

Deno.test("fleetFile lets a rented computer grow old enough to be worth its loading", () => {
  equal(fleetFile.parse(withTier({ age_max: "30m" })).lineup[0]?.age_max, 1_800_000);
  deepEqual(issuesOf(withTier({ age_max: "29m" })), [
    "lineup.0.age_max | write at least 30m: loading takes its time",
  ]);
  equal(fleetFile.parse(file).lineup[0]?.wake.no_stock, 120_000);
});

Deno.test("fleetFile keeps the wake cap under the SDKs' own timer", () => {
  deepEqual(issuesOf({ ...file, gateway: { wake_cap: "590s" } }), []);
  deepEqual(issuesOf({ ...file, gateway: { wake_cap: "591s" } }), [
    "gateway.wake_cap | write at most 590s",
  ]);
});

Deno.test("fleetFile gives each name to one model or route only", () => {
  const second = { ...model, id: "n", aliases: ["m"] };
  const [issue] = issuesOf({ ...file, models: [model, second] });
  equal(issue, 'models.1 | give each model its own names: "m" is also a name of models.0');
  const [route] = issuesOf({ ...file, routes: { m: ["m"] } });
  equal(route, "routes.m | choose another name: it is also a name of models.0");
});

Deno.test("fleetFile refuses routes and tiers that name no model", () => {
  deepEqual(issuesOf({ ...file, routes: { fast: ["ghost"] } }), [
    "routes.fast.0 | name a model of models: m",
  ]);
  deepEqual(issuesOf(withTier({ serves: { ghost: "g" } })), [
    "lineup.0.serves.ghost | name a model of models: m",
  ]);
  deepEqual(issuesOf(withTier({ serves: {} })), [
    "lineup.0.serves | name at least one model it serves",
  ]);
});

Deno.test("fleetFile asks for the section of the tier's provider", () => {
  deepEqual(issuesOf(withTier({ local: undefined })), [
    "lineup.0.local | add local.command: the program that serves the model",
  ]);
  deepEqual(issuesOf(withTier({ provider: "static" })), [
    "lineup.0.static | add static.urls: where the servers answer",
  ]);
  deepEqual(issuesOf(withTier({ provider: "cloud" })), [
    "lineup.0.provider | choose local, static, hyperstack; others are not built yet",
  ]);
  deepEqual(issuesOf(withTier({ provider: "hyperstack" })), [
    "lineup.0.hyperstack | add hyperstack.flavor: the kind of computer",
    "providers.hyperstack | add the account: environment and key_name",
  ]);
});

Deno.test("fleetFile counts one static machine per URL", () => {
  const urls = ["http://a.test", "http://b.test"];
  deepEqual(issuesOf(withTier({ provider: "static", machines: 2, static: { urls } })), []);
  deepEqual(issuesOf(withTier({ provider: "static", machines: 1, static: { urls } })), [
    "lineup.0.machines | write one machine per URL: 2",
  ]);
});

Deno.test("fleetFile lets a machine nap only before it stops, and keeps no more ready than there are", () => {
  deepEqual(issuesOf(withTier({ idle: "10m", nap: { after: "599s" } })), []);
  deepEqual(issuesOf(withTier({ idle: "10m", nap: { after: "600s" } })), [
    "lineup.0.nap.after | write less than idle: a machine naps before it stops",
  ]);
  deepEqual(issuesOf(withTier({ machines: 2, always_ready: 3 })), [
    "lineup.0.always_ready | write at most machines, 2",
  ]);
});

Deno.test("fleetFile takes watts over 0, and does without", () => {
  equal(fleetFile.parse(withTier({ watts: 0.5 })).lineup[0]?.watts, 0.5);
  equal(fleetFile.parse(file).lineup[0]?.watts, undefined);
  equal(issuesOf(withTier({ watts: 0 })).length, 1);
});

Deno.test("fleetFile refuses two tiers of one name", () => {
  deepEqual(issuesOf({ ...file, lineup: [tier, tier] }), [
    "lineup.1.name | give each tier its own name",
  ]);
});

Deno.test("fleetFile refuses a spot flavor in a standard tier, and a flavor known not to hibernate where it should", () => {
  const fleet = (band: string, flavor: string, rest: string) => `
models: [{ id: m, name: M, vendor: V, kind: chat, context_tokens: 1000 }]
providers: { hyperstack: { environment: e, key_name: k } }
lineup:
  - { name: h, provider: hyperstack, band: ${band}, serves: { m: m },
      hyperstack: { flavor: ${flavor}, rest: ${rest}, engine_key_env: ENGINE_KEY, vllm: [m] } }`;
  const where = (text: string) => {
    try {
      parseFleet(text);
      return [];
    } catch (error) {
      return error instanceof ConfigError ? error.problems.map(({ where }) => where) : [`${error}`];
    }
  };
  deepEqual(where(fleet("standard", "n3-A100x1-spot", "hibernate")), ["fleet.yaml lineup.0.band"]);
  deepEqual(where(fleet("standard", "n3-RTX-A4000x1", "hibernate")), [
    "fleet.yaml lineup.0.hyperstack.flavor",
  ]);
  deepEqual(where(fleet("spot", "n3-A100x1-spot", "hibernate")), []);
  deepEqual(where(fleet("standard", "n3-RTX-A4000x1", "stop")), []);
});
