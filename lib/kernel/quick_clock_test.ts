import assert from "node:assert/strict";
import { systemClock } from "./clock.ts";
import { quickClock } from "./quick_clock.ts";

/** What two clocks may differ by in how finely they are read. */
const FINENESS_MS = 0.1;

Deno.test("quickClock() runs as fast as the system's, and never back", async () => {
  const clock = quickClock();
  const reading = () => {
    const [before, quick] = [systemClock.elapsedMs(), clock.elapsedMs()];
    return { before, quick, after: systemClock.elapsedMs() };
  };
  const first = reading();
  let last = first.quick;
  for (let i = 0; i < 10_000; i++) {
    const now = clock.elapsedMs();
    assert.ok(now >= last);
    last = now;
  }
  await new Promise((resolve) => setTimeout(resolve, 30));
  const second = reading();
  // However long the computer pauses between two readings, the one between them lies between them.
  const span = second.quick - first.quick;
  assert.ok(span >= second.before - first.after - FINENESS_MS, `${span} ms are too few`);
  assert.ok(span <= second.after - first.before + FINENESS_MS, `${span} ms are too many`);
  assert.equal(clock.now, systemClock.now);
});

Deno.test("quickClock() is the system's where the C library cannot be had", () => {
  const clock = quickClock(() => {
    throw new Error("no such library");
  });
  assert.equal(clock, systemClock);
});
