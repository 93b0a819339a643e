/** How long a wake still takes, from how long this tier's own wakes took. Pure. */
import { type Millis, millis } from "@/lib/kernel/clock.ts";

/** What past wakes took from the ask to a healthy engine, in seconds. */
export type WakeTimes = { readonly p50S: number; readonly p95S: number; readonly samples: number };

export type Remaining = {
  /** Until half, and until nearly all, of the wakes that got this far were served. */
  readonly likely: Millis;
  readonly atMost: Millis;
};

/**
 * The time that remains of a wake asked for `elapsed` ago. Past the median it counts to the 95th percentile; past
 * that history has nothing left to say, and the answer is null.
 */
export function remaining(times: WakeTimes | null, elapsed: Millis): Remaining | null {
  if (times === null) return null;
  const to = (seconds: number) => Math.max(0, Math.round(seconds * 1_000 - elapsed));
  const atMost = to(times.p95S);
  if (atMost === 0) return null;
  const likely = to(times.p50S);
  return { likely: millis(likely === 0 ? atMost : likely), atMost: millis(atMost) };
}
