/** Tests of clock.ts. */
import { equal, ok } from "node:assert/strict";
import {
  instant,
  later,
  manualClock,
  millis,
  minutes,
  reached,
  seconds,
  since,
  systemClock,
} from "./clock.ts";

Deno.test("reached() is true at the very millisecond, not one before", () => {
  equal(reached(instant(1_000), instant(999)), false);
  equal(reached(instant(1_000), instant(1_000)), true);
});

Deno.test("later() and since() count in milliseconds", () => {
  equal(later(instant(5), minutes(1)), 60_005);
  equal(since(instant(5), later(instant(5), seconds(2))), 2_000);
});

Deno.test("manualClock() wakes a sleeper at its time and not before", async () => {
  const clock = manualClock(0);
  let awake = false;
  const slept = clock.sleep(millis(10)).then(() => awake = true);
  clock.advance(millis(9));
  await Promise.resolve();
  equal(awake, false);
  clock.advance(millis(1));
  await slept;
  equal(clock.now(), 10);
  equal(clock.elapsedMs(), 10);
});

Deno.test("manualClock() wakes sleepers in the order of their times", async () => {
  const clock = manualClock();
  const woken: string[] = [];
  const late = clock.sleep(millis(20)).then(() => woken.push("late"));
  const early = clock.sleep(millis(10)).then(() => woken.push("early"));
  clock.advance(millis(30));
  await Promise.all([late, early]);
  equal(woken.join(), "early,late");
});

Deno.test("sleep() of no span, or under an aborted signal, is over at once on both clocks", async () => {
  for (const clock of [manualClock(), systemClock]) {
    await clock.sleep(millis(0));
    await clock.sleep(minutes(60), AbortSignal.abort());
  }
});

Deno.test("sleep() ends when its signal aborts, on both clocks", async () => {
  for (const clock of [manualClock(), systemClock]) {
    const giveUp = new AbortController();
    const slept = clock.sleep(minutes(60), giveUp.signal);
    giveUp.abort();
    await slept;
  }
});

Deno.test("systemClock sleeps through spans that a timer cannot hold", async () => {
  const giveUp = new AbortController();
  let over = false;
  const slept = systemClock.sleep(millis(2 ** 31 + 5), giveUp.signal).then(() => over = true);
  await systemClock.sleep(millis(20)); // a timer that overflowed has fired by now
  equal(over, false);
  giveUp.abort();
  await slept;
});

Deno.test("systemClock never goes back in elapsedMs()", () => {
  const first = systemClock.elapsedMs();
  ok(systemClock.elapsedMs() >= first);
  ok(Math.abs(systemClock.now() - Date.now()) < 1_000);
});
