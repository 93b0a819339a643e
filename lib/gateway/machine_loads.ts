/** What this replica has under way on each machine, and which machines lately failed it. */
import type { Clock } from "@/lib/kernel/clock.ts";

/** A machine that failed an attempt is preferred last for this long; each failure in a row doubles it. */
const SHUN_MIN_MS = 1_000;
const SHUN_MAX_MS = 15_000;

export class MachineLoads {
  readonly #clock: Clock;
  readonly #inFlight = new Map<string, number>();
  readonly #shunned = new Map<string, { untilMs: number; failures: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  inFlight = (machineId: string): number => this.#inFlight.get(machineId) ?? 0;

  /** Counts one request in; the answered function counts it out, once. */
  enter(machineId: string): () => void {
    this.#inFlight.set(machineId, this.inFlight(machineId) + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const rest = this.inFlight(machineId) - 1;
      if (rest > 0) this.#inFlight.set(machineId, rest);
      else this.#inFlight.delete(machineId);
    };
  }

  /** Notes that an attempt on the machine failed before it answered. */
  failed(machineId: string): void {
    const failures = (this.#shunned.get(machineId)?.failures ?? 0) + 1;
    const spanMs = Math.min(SHUN_MIN_MS * 2 ** (failures - 1), SHUN_MAX_MS);
    this.#shunned.set(machineId, { untilMs: this.#clock.elapsedMs() + spanMs, failures });
  }

  /** Notes that it answered. */
  answered(machineId: string): void {
    this.#shunned.delete(machineId);
  }

  /** Whether no machine failed lately, as far as was noted. */
  get shunsNone(): boolean {
    return this.#shunned.size === 0;
  }

  isShunned(machineId: string): boolean {
    return (this.#shunned.get(machineId)?.untilMs ?? 0) > this.#clock.elapsedMs();
  }

  /** Requests under way in all, for the shutdown and `/metrics`. */
  get total(): number {
    let total = 0;
    for (const count of this.#inFlight.values()) total += count;
    return total;
  }
}
