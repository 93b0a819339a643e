/** The requests of a run: they wait for a ready machine, run a while as an open usage row, and try again when they fail. */
import { type Millis, millis } from "@/lib/kernel/clock.ts";
import type { Computers } from "./computers.ts";
import type { MemoryStore, Row } from "./memory_store.ts";
import { PATIENCE } from "./scenario.ts";
import type { Dice, VirtualTime } from "./virtual_time.ts";

type Request = {
  readonly untilMs: number;
  readonly mustBeServed: boolean;
  row: Row | null;
  rowEndsMs: number;
  stallsMs: number;
};

/** One machine runs so many before another is asked for. */
const CONCURRENCY = 2;
const STALL_MS = 20_000;

export class Requests {
  served = 0;
  unserved = 0;
  readonly #running = new Set<Request>();

  constructor(
    readonly time: VirtualTime,
    readonly dice: Dice,
    readonly store: MemoryStore,
    readonly computers: Computers,
    readonly attempts: number,
    readonly poke: (machineId: string, span: Millis) => void,
  ) {}

  get open(): number {
    return this.#running.size;
  }

  /** A new request; one that must be served waits for ever, and the run fails if it is not. */
  ask(mustBeServed: boolean): void {
    const untilMs = mustBeServed ? Infinity : this.time.elapsedMs() + PATIENCE;
    this.#running.add({ untilMs, mustBeServed, row: null, rowEndsMs: 0, stallsMs: 0 });
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
    if (isFull) this.#wake();
    if (machine === undefined) return;
    request.row = this.store.grant(machine.id);
    request.rowEndsMs = nowMs + this.dice.between(1, 20) * 1_000;
    request.stallsMs = nowMs + STALL_MS;
  }

  #wake(): void {
    const machineId = this.store.ask("tier", PATIENCE, this.attempts);
    if (machineId !== null) this.poke(machineId, millis(1));
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
