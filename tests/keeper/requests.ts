/** The requests of a run: they wait for a ready machine, run a while as an open usage row, and try again when they fail. */
import { type Millis, millis } from "@/lib/kernel/clock.ts";
import type { Computers } from "./computers.ts";
import type { MemoryStore, Row, Wake } from "./memory_store.ts";
import { PATIENCE } from "./scenario.ts";
import type { Dice, VirtualTime } from "./virtual_time.ts";

type Request = {
  readonly untilMs: number;
  readonly mustBeServed: boolean;
  row: Row | null;
  rowEndsMs: number;
  stallsMs: number;
  /** The wake it waits for. */
  wake: Wake | null;
};

/** One machine runs so many before another is asked for. */
const CONCURRENCY = 2;
const STALL_MS = 20_000;

export class Requests {
  served = 0;
  unserved = 0;
  /** Told that the tier cannot serve, and gone to the next. */
  spilled = 0;
  readonly #running = new Set<Request>();

  constructor(
    readonly time: VirtualTime,
    readonly dice: Dice,
    readonly store: MemoryStore,
    readonly computers: Computers,
    readonly attempts: number,
    readonly poke: (machineId: string, span: Millis) => void,
    readonly hasNext: boolean,
  ) {}

  get open(): number {
    return this.#running.size;
  }

  /** A new request; one that must be served waits for ever, and the run fails if it is not. */
  ask(mustBeServed: boolean): void {
    const untilMs = mustBeServed ? Infinity : this.time.elapsedMs() + PATIENCE;
    this.#running.add({ untilMs, mustBeServed, row: null, rowEndsMs: 0, stallsMs: 0, wake: null });
    this.tick();
  }

  tick(): void {
    const nowMs = this.time.elapsedMs();
    for (const request of this.#running) {
      if (request.row !== null) this.#run(request, request.row, nowMs);
      else if (nowMs >= request.untilMs) {
        this.unserved++;
        this.#running.delete(request);
      } else this.#wait(request, nowMs);
    }
  }

  #wait(request: Request, nowMs: number): void {
    const ready = [...this.store.machines.values()].filter(({ place, retired }) =>
      place.at === "ready" && !retired
    );
    const [machine] = ready.sort((a, b) => this.store.openRows(a.id) - this.store.openRows(b.id));
    const isFull = machine === undefined || this.store.openRows(machine.id) >= CONCURRENCY;
    const asked = isFull ? this.#wake() : null;
    if (machine === undefined) {
      const failed = request.wake?.outcome === "failed" || asked === null;
      request.wake = asked;
      if (!failed || !this.hasNext || request.mustBeServed) return;
      this.spilled++;
      this.#running.delete(request);
      return;
    }
    request.wake = null;
    request.row = this.store.grant(machine.id);
    request.rowEndsMs = nowMs + this.dice.between(1, 20) * 1_000;
    request.stallsMs = nowMs + STALL_MS;
  }

  #wake(): Wake | null {
    const wake = this.store.ask("tier", PATIENCE, this.attempts);
    if (wake !== null) this.poke(wake.machineId, millis(1));
    return wake;
  }

  #run(request: Request, row: Row, nowMs: number): void {
    const computer = this.computers.of(row.machineId);
    const works = computer?.power === "on" && computer.engine === "healthy";
    const stalls = works && computer.asleep;
    if (works && !stalls && nowMs < request.rowEndsMs) return;
    if (stalls && nowMs < request.stallsMs) return;
    // A row whose replica died stays open until the sweep closes it.
    if (!works && this.dice.chance(0.8)) return;
    this.store.close(row);
    request.row = null;
    if (!works || stalls) return;
    this.served++;
    this.#running.delete(request);
  }
}
