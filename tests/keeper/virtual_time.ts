/** Time that moves only when everything that could happen now has happened: a whole day in a blink, the same every time. */
import type { CancelSignal } from "@/lib/kernel/cancel.ts";
import { type Clock, type Instant, instant, type Millis } from "@/lib/kernel/clock.ts";

type Timer = { readonly atMs: number; readonly order: number; fire(): void; cancelled: boolean };

const START_MS = 1_700_000_000_000;
/** Longer than any chain of awaits between two timers. A chain cut short goes on at the next timer, the same every time. */
const TURNS_PER_TIMER = 48;

export class VirtualTime implements Clock {
  #nowMs = START_MS;
  #order = 0;
  readonly #timers: Timer[] = [];

  now = (): Instant => instant(this.#nowMs);
  elapsedMs = (): number => this.#nowMs - START_MS;

  sleep = (span: Millis, signal?: CancelSignal): Promise<void> => {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.at(this.#nowMs + span, () => {
        signal?.removeEventListener("abort", abort);
        resolve();
      });
      const abort = () => {
        timer.cancelled = true;
        resolve();
      };
      signal?.addEventListener("abort", abort);
    });
  };

  /** Calls `fire` when time gets there. */
  at(whenMs: number, fire: () => void): Timer {
    // Whole milliseconds, so that no sleeper is woken a rounding error too early.
    const atMs = Math.ceil(whenMs);
    const timer: Timer = { atMs, order: this.#order++, fire, cancelled: false };
    let low = 0;
    let high = this.#timers.length;
    // Latest first, so that the next one is popped from the end.
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#timers[middle];
      if (
        other !== undefined &&
        (other.atMs > atMs || (other.atMs === atMs && other.order < timer.order))
      ) {
        low = middle + 1;
      } else high = middle;
    }
    this.#timers.splice(low, 0, timer);
    return timer;
  }

  /** Lets everything happen until `isOver` says so, or `untilMs` of elapsed time. Answers whether it was over. */
  async run(untilMs: number, isOver: () => boolean): Promise<boolean> {
    while (!isOver()) {
      const timer = this.#timers.pop();
      if (timer === undefined || timer.atMs - START_MS > untilMs) return isOver();
      if (timer.cancelled) continue;
      this.#nowMs = Math.max(this.#nowMs, timer.atMs);
      timer.fire();
      for (let turn = 0; turn < TURNS_PER_TIMER; turn++) await null;
    }
    return true;
  }
}

/** A seeded stream of numbers, so that a failing run can be replayed. Mulberry32. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 0x9e3779b9) >>> 0;
  }

  /** From 0 up to but not including 1. */
  next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };

  chance = (probability: number): boolean => this.next() < probability;

  between = (least: number, most: number): number => least + this.next() * (most - least);

  pick<T>(all: readonly [T, ...T[]]): T {
    return all[Math.floor(this.next() * all.length)] ?? all[0];
  }
}
