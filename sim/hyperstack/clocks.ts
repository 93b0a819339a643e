/** A clock that runs faster than another, so that a night at the provider fits into a coffee break. */

import { type Clock, instant, millis } from "@/lib/kernel/clock.ts";

/** `base`, made `speed` times as fast from now on. */
export function scaledClock(base: Clock, speed: number): Clock {
  if (!(speed > 0 && Number.isFinite(speed))) {
    throw new RangeError(`Cannot run a clock at speed ${speed}: give a number above 0`);
  }
  const startMs = base.now();
  const startElapsedMs = base.elapsedMs();
  const passedMs = () => (base.elapsedMs() - startElapsedMs) * speed;
  return {
    now: () => instant(Math.floor(startMs + passedMs())),
    elapsedMs: passedMs,
    sleep: (span, signal) => base.sleep(millis(span / speed), signal),
  };
}
