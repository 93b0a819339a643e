import assert from "node:assert/strict";
import { millis, minutes, seconds } from "@/lib/kernel/clock.ts";
import { nextLook, pace } from "./cadence.ts";
import type { Sight } from "./decide.ts";
import { ago, ahead, machineAt, NOW, POLICIES, POLICY, sightOf } from "./decide_testing.ts";
import type { Place } from "./place.ts";
import type { TierPolicy } from "./policy.ts";

const next = (place: Place, sight: Partial<Sight> = {}, policy: TierPolicy = POLICY) =>
  nextLook(machineAt(place), sightOf(sight), policy, NOW);
const SOON = pace(POLICY);
const OFF = { power: "off", engine: "unreachable" } as const;
const READY: Place = { at: "ready", since: NOW, sickSince: null };

Deno.test("pace() fits four looks into the shortest span, between 100 ms and 1.5 s", () => {
  assert.equal(pace(POLICY), millis(1_500));
  assert.equal(pace({ ...POLICY, sick: seconds(4) }), seconds(1));
  assert.equal(pace({ ...POLICY, reask: millis(40) }), millis(100));
});

Deno.test("nextLook() comes back soon while something is under way", () => {
  const under: readonly Place[] = [
    { at: "creating", deadline: ahead(9), askedAt: NOW },
    { at: "waking", deadline: ahead(9), askedAt: NOW },
    { at: "loading", deadline: ahead(9), rousing: false, askedAt: NOW },
    { at: "draining", then: "stop", sick: false },
    { at: "stopping", deadline: ahead(9), askedAt: NOW, failing: false },
    { at: "destroying", deadline: ahead(9), askedAt: NOW, failing: false },
  ];
  for (const place of under) assert.equal(next(place), SOON, place.at);
});

Deno.test("nextLook() leaves a machine at rest until somebody wants it, or it runs unseen", () => {
  assert.equal(next({ at: "asleep" }, OFF), null);
  assert.equal(next({ at: "asleep" }, { ...OFF, power: "unknown" }), null);
  assert.equal(next({ at: "asleep" }, { ...OFF, power: "unknown", waiting: true }), SOON);
  assert.equal(next({ at: "asleep" }, { power: "on" }), SOON);
  assert.equal(
    next({ at: "absent" }, { ...OFF, power: "gone", waiting: true }),
    null,
    "nothing can be created",
  );
});

Deno.test("nextLook() comes back when a ready machine may have been quiet long enough", () => {
  const napAfter = POLICY.nap?.after ?? 0;
  assert.equal(next({ ...READY, since: ago(60_000) }), napAfter - 60_000);
  assert.equal(
    next({ ...READY, since: ago(minutes(9)) }, { lastUsedAt: ago(10_000) }),
    napAfter - 10_000,
  );
  assert.equal(next({ ...READY, since: ago(minutes(9)) }, { openRows: 1 }), napAfter);
  assert.equal(next(READY, {}, { ...POLICY, nap: null }), POLICY.idle);
  assert.equal(next(READY, {}, POLICIES.kept), null);
  assert.equal(next({ ...READY, since: ago(minutes(60)) }), millis(100), "due already");
  assert.equal(next({ ...READY, sickSince: NOW }), SOON);
});

Deno.test("nextLook() comes back at the end of a nap and at the time of the next try", () => {
  const napping: Place = { at: "napping", since: NOW, askedAt: NOW, sickSince: null };
  assert.equal(next(napping, { engine: "asleep" }), POLICY.idle - (POLICY.nap?.after ?? 0));
  assert.equal(next(napping, { engine: "healthy" }), SOON);
  assert.equal(next({ at: "failed", retryAt: ahead(7_000) }, OFF), seconds(7));
  assert.equal(next({ at: "failed", retryAt: ahead(7_000) }, { power: "on" }), SOON);
});
