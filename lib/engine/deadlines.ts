/** Many deadlines under one timer: most are met, and a timer made and cleared for each cost more than keeping it. */
import type { Clock } from "@/lib/kernel/clock.ts";
import { Roster, type Seated } from "@/lib/kernel/roster.ts";

/** One deadline; hand it back to {@link Deadlines.met}. `atMs` is on the elapsed clock. */
export type Deadline = Seated & { readonly atMs: number; readonly onLate: () => void };

export class Deadlines {
  readonly #clock: Pick<Clock, "elapsedMs">;
  readonly #open = new Roster<Deadline>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #timerAtMs = Infinity;
  #closed = false;

  constructor(clock: Pick<Clock, "elapsedMs">) {
    this.#clock = clock;
  }

  /** Calls `onLate` once, `ms` from now, unless the deadline is met before. Never early, and late by a timer's own delay. */
  within(ms: number, onLate: () => void): Deadline {
    return this.by(this.#clock.elapsedMs() + Math.max(0, ms), onLate);
  }

  /** As {@link within}, for a moment on the elapsed clock; one that is over is late at the next look. */
  by(atMs: number, onLate: () => void): Deadline {
    const deadline = { atMs, onLate, seat: -1 };
    this.#open.add(deadline);
    if (atMs < this.#timerAtMs) this.#arm(atMs, this.#clock.elapsedMs());
    return deadline;
  }

  met(deadline: Deadline): void {
    this.#open.delete(deadline);
    if (this.#closed && this.#open.size === 0) this.#disarm();
  }

  /** Lets the timer go once no deadline is open; those that are still hold. */
  close(): void {
    this.#closed = true;
    if (this.#open.size === 0) this.#disarm();
  }

  #look(): void {
    this.#disarm();
    const nowMs = this.#clock.elapsedMs();
    let nextMs = Infinity;
    for (const deadline of this.#open) {
      if (deadline.seat === -1) continue; // met by one before it
      if (deadline.atMs > nowMs) {
        nextMs = Math.min(nextMs, deadline.atMs);
        continue;
      }
      this.#open.delete(deadline);
      deadline.onLate();
    }
    // What was called may have set a nearer one.
    if (nextMs < this.#timerAtMs) this.#arm(nextMs, nowMs);
  }

  #arm(atMs: number, nowMs: number): void {
    this.#disarm();
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(() => this.#look(), Math.max(1, Math.ceil(atMs - nowMs)));
    Deno.unrefTimer(this.#timer);
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#timerAtMs = Infinity;
  }
}
