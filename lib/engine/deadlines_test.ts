import { deepEqual, equal, ok } from "node:assert/strict";
import { manualClock, millis, systemClock } from "@/lib/kernel/clock.ts";
import { Deadlines } from "./deadlines.ts";
import { until } from "./upstream_testing.ts";

Deno.test("within() calls at the deadline, never before it, and each once", async () => {
  const clock = manualClock();
  const deadlines = new Deadlines(clock);
  const calls: [name: string, atMs: number][] = [];
  const note = (name: string) => () => void calls.push([name, clock.elapsedMs()]);
  deadlines.within(4, note("second"));
  deadlines.within(2, note("first"));
  clock.advance(millis(2));
  await until("the first is late", () => calls.length > 0);
  deepEqual(calls, [["first", 2]]);
  clock.advance(millis(2));
  await until("the second is late", () => calls.length > 1);
  deepEqual(calls, [["first", 2], ["second", 4]]);
  deadlines.close();
});

Deno.test("met() keeps a deadline from being called, and its neighbours are still", async () => {
  const deadlines = new Deadlines(systemClock);
  let met = 0;
  let late = 0;
  const deadline = deadlines.within(1, () => met++);
  deadlines.within(2, () => late++);
  deadlines.met(deadline);
  await until("the other is late", () => late === 1);
  equal(met, 0);
  deadlines.close();
});

Deno.test("a deadline set by one that is late is called too", async () => {
  const deadlines = new Deadlines(systemClock);
  let second = false;
  deadlines.within(1, () => deadlines.within(1, () => second = true));
  await until("the second is late", () => second);
  deadlines.close();
});

Deno.test("close() leaves no timer behind, and those that wait are still called", async () => {
  const deadlines = new Deadlines(systemClock);
  let late = false;
  deadlines.within(1, () => late = true);
  deadlines.close();
  await until("it is late", () => late);
  ok(late); // the runner fails a test that leaves a timer
});

Deno.test("by() calls at its moment, and at the next look for one that is over", async () => {
  const clock = manualClock();
  clock.advance(millis(10));
  const deadlines = new Deadlines(clock);
  const calls: string[] = [];
  deadlines.by(11, () => calls.push("at 11"));
  deadlines.by(5, () => calls.push("at 5"));
  await until("the one that is over is late", () => calls.length > 0);
  deepEqual(calls, ["at 5"]);
  clock.advance(millis(1));
  await until("the other is late", () => calls.length > 1);
  deadlines.close();
});
