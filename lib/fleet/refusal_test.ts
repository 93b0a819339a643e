import assert from "node:assert/strict";
import { ago, ahead, machineAt, NOW } from "./decide_testing.ts";
import { pickMachine } from "./pick_machine.ts";
import type { Place } from "./place.ts";
import { coolDownOf, refusalOf } from "./refusal.ts";

const left = (why: "capacity" | "broken" | "preempted", until: number): Place => ({
  at: "failed",
  retryAt: ahead(until),
  why,
});
const machines = (...places: Place[]) =>
  places.map((place, slot) => machineAt(place, { id: `mac_${slot}`, slot }));

Deno.test("coolDownOf() lasts until the last refusal has cooled, and counts no machine that only broke", () => {
  const at = coolDownOf(machines(left("capacity", 5), left("preempted", 9), { at: "asleep" }), NOW);
  assert.deepEqual(at, { why: "preempted", until: ahead(9) });
  assert.equal(coolDownOf(machines(left("broken", 5)), NOW), null);
  assert.equal(coolDownOf(machines({ at: "failed", retryAt: ahead(5) }), NOW), null);
  assert.equal(coolDownOf(machines(left("capacity", 0)), NOW), null);
  const [retired] = machines(left("capacity", 5));
  assert.equal(coolDownOf(retired === undefined ? [] : [{ ...retired, retired: true }], NOW), null);
});

Deno.test("pickMachine() asks nothing new of a tier that cools, but takes what has power already", () => {
  const none = pickMachine(
    machines(left("capacity", 5), { at: "asleep" }, { at: "absent" }),
    2,
    NOW,
  );
  assert.deepEqual(none, {
    kind: "none",
    retryAt: ahead(5),
    because: "the provider has no stock of it (capacity)",
  });
  const waking: Place = { at: "waking", deadline: ahead(1), askedAt: NOW };
  const some = pickMachine(machines(left("capacity", 5), { at: "asleep" }, waking), 2, NOW);
  assert.ok(some.kind === "machine" && some.machine.slot === 2);
  const over = pickMachine(machines(left("capacity", 0), { at: "asleep" }), 2, NOW);
  assert.ok(over.kind === "machine" && over.machine.slot === 1);
});

Deno.test("pickMachine() leaves the tier alone that a machine was taken back from, while that one is brought to rest", () => {
  const stopping: Place = {
    ...{ at: "stopping", deadline: ahead(1), askedAt: ago(1), failing: false },
    ...{ why: "preempted", retryAt: ahead(7) },
  };
  assert.equal(pickMachine(machines(stopping, { at: "asleep" }), 2, NOW).kind, "none");
});

Deno.test("pickMachine() says so when the only machine broke too often, and tries others first", () => {
  const alone = pickMachine(machines(left("broken", 5)), 2, NOW);
  assert.ok(alone.kind === "none" && alone.because.includes("(broken)"));
  const other = pickMachine(machines(left("broken", 5), { at: "absent" }), 2, NOW);
  assert.ok(other.kind === "machine" && other.machine.slot === 1);
});

Deno.test("refusalOf() is nothing for what no provider said", () => {
  assert.equal(refusalOf(new Error("lost")), null);
});
