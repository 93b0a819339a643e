import assert from "node:assert/strict";
import { ahead, machineAt, NOW } from "./decide_testing.ts";
import { pickMachine } from "./pick_machine.ts";
import type { Machine, Place } from "./place.ts";

const soon = ahead(1_000);
/** Soonest to serve first. */
const IN_ORDER: readonly Place[] = [
  { at: "draining", then: "stop", sick: false },
  { at: "loading", deadline: soon, rousing: false, askedAt: NOW },
  { at: "waking", deadline: soon, askedAt: NOW },
  { at: "napping", since: NOW, askedAt: NOW, sickSince: null },
  { at: "creating", deadline: soon, askedAt: NOW },
  { at: "asleep" },
  { at: "stopping", deadline: soon, askedAt: NOW, failing: false },
  { at: "absent" },
  { at: "destroying", deadline: soon, askedAt: NOW, failing: false },
  { at: "failed", retryAt: NOW },
  { at: "draining", then: "stop", sick: true },
];
const READY: Place = { at: "ready", since: NOW, sickSince: null };

const named = (place: Place, over: Partial<Machine> = {}) =>
  machineAt(place, { id: JSON.stringify(place), ...over });
const picked = (machines: readonly Machine[]) => {
  const pick = pickMachine(machines, 2, NOW);
  return pick.kind === "machine" ? pick.machine.id : pick;
};

Deno.test("pickMachine() picks the machine that can serve soonest", () => {
  const left = IN_ORDER.map((place) => named(place));
  while (left.length > 0) {
    const [soonest] = left;
    assert.equal(picked([...left].reverse()), soonest?.id);
    left.shift();
  }
});

Deno.test("pickMachine() prefers the one that failed least, then the lowest slot", () => {
  const one = (id: string, slot: number, failures = 0) =>
    machineAt({ at: "asleep" }, { id, slot, failures });
  assert.equal(picked([one("c", 2), one("b", 1), one("d", 3)]), "b");
  assert.equal(picked([one("a", 0, 1), one("c", 2), one("b", 1)]), "b");
});

Deno.test("pickMachine() passes over machines that serve, were dropped, or are being failed", () => {
  const stopping: Place = { at: "stopping", deadline: soon, askedAt: NOW, failing: true };
  assert.notEqual(typeof picked([named(stopping, { failures: 2 })]), "string");
  assert.equal(typeof picked([named(stopping, { failures: 1 })]), "string");
  assert.notEqual(typeof picked([named({ at: "asleep" }, { retired: true })]), "string");
  assert.deepEqual(picked([named(READY)]), {
    kind: "none",
    retryAt: null,
    because: "every machine of the tier serves already",
  });
});

Deno.test("pickMachine() says when the first failed machine may be tried, and picks it then", () => {
  const failed = (ms: number) => named({ at: "failed", retryAt: ahead(ms) });
  assert.deepEqual(picked([failed(9), named(READY), failed(1)]), {
    kind: "none",
    retryAt: ahead(1),
    because: "every machine of the tier that does not serve has failed to start",
  });
  assert.equal(typeof picked([failed(0)]), "string");
});
