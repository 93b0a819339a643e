import assert from "node:assert/strict";
import { manualClock, millis } from "@/lib/kernel/clock.ts";
import { MachineLoads } from "./machine_loads.ts";

Deno.test("MachineLoads counts each request in and out once", () => {
  const loads = new MachineLoads(manualClock());
  const leave = loads.enter("a");
  loads.enter("a");
  loads.enter("b");
  assert.deepEqual([loads.inFlight("a"), loads.inFlight("b"), loads.total], [2, 1, 3]);
  leave();
  leave();
  assert.deepEqual([loads.inFlight("a"), loads.total], [1, 2]);
});

Deno.test("MachineLoads shuns a machine for a second, doubled by each failure in a row up to 15", () => {
  const clock = manualClock();
  const loads = new MachineLoads(clock);
  for (const spanMs of [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]) {
    loads.failed("a");
    clock.advance(millis(spanMs - 1));
    assert.equal(loads.isShunned("a"), true, `${spanMs}`);
    clock.advance(millis(1));
    assert.equal(loads.isShunned("a"), false, `${spanMs}`);
  }
  assert.equal(loads.isShunned("b"), false);
});

Deno.test("MachineLoads forgives a machine that answered", () => {
  const clock = manualClock();
  const loads = new MachineLoads(clock);
  loads.failed("a");
  loads.failed("a");
  loads.answered("a");
  assert.equal(loads.isShunned("a"), false);
  loads.failed("a");
  clock.advance(millis(1_000));
  assert.equal(loads.isShunned("a"), false);
});
