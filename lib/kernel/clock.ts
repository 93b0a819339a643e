/** Time as an argument: the one place that reads the wall clock, and the spans everything else counts in. */
import type { CancelSignal } from "./cancel.ts";

/** Milliseconds since the Unix epoch. Only a {@link Clock} makes one from the wall. */
export type Instant = number & { readonly brand: "Instant" };

/** A span of time in milliseconds. */
export type Millis = number & { readonly brand: "Millis" };

export const millis = (n: number): Millis => n as Millis;
export const seconds = (n: number): Millis => (n * 1_000) as Millis;
export const minutes = (n: number): Millis => (n * 60_000) as Millis;
export const days = (n: number): Millis => (n * 86_400_000) as Millis;
export const instant = (epochMs: number): Instant => epochMs as Instant;
export const later = (at: Instant, by: Millis): Instant => (at + by) as Instant;
export const since = (from: Instant, to: Instant): Millis => (to - from) as Millis;
/** Whether `now` has arrived at `at`: true at the very millisecond. */
export const reached = (at: Instant, now: Instant): boolean => now >= at;

/** What anything that needs the time asks for. Tests hand in one they move by hand. */
export type Clock = {
  /** The wall clock. May jump; use it for what is written down. */
  now(): Instant;
  /** Never goes back; use it for durations, in milliseconds with a fraction. */
  elapsedMs(): number;
  /** Resolves after `span`, or at once when `signal` aborts. Never rejects. */
  sleep(span: Millis, signal?: CancelSignal): Promise<void>;
};

/** `setTimeout` fires at once when asked for more: about 24.8 days. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The real clock. */
export const systemClock: Clock = {
  now: () => Date.now() as Instant,
  elapsedMs: () => performance.now(),
  sleep(span, signal) {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      let restMs: number = span;
      const wait = (): ReturnType<typeof setTimeout> => {
        const partMs = Math.min(restMs, TIMER_MS_MAX);
        restMs -= partMs;
        return setTimeout(() => restMs > 0 ? timer = wait() : done(), partMs);
      };
      let timer = wait();
      signal?.addEventListener("abort", done);
    });
  },
};

/** A clock that moves only when told to, for tests. */
export function manualClock(startMs = 1_700_000_000_000): Clock & { advance(span: Millis): void } {
  let nowMs = startMs;
  const sleepers = new Set<{ at: number; wake: () => void }>();
  return {
    now: () => nowMs as Instant,
    elapsedMs: () => nowMs - startMs,
    sleep(span, signal) {
      return new Promise((resolve) => {
        if (signal?.aborted || span <= 0) return resolve();
        const sleeper = {
          at: nowMs + span,
          wake() {
            sleepers.delete(sleeper);
            signal?.removeEventListener("abort", sleeper.wake);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", sleeper.wake);
      });
    },
    advance(span) {
      nowMs += span;
      for (const sleeper of [...sleepers].sort((a, b) => a.at - b.at)) {
        if (sleeper.at <= nowMs) sleeper.wake();
      }
    },
  };
}
