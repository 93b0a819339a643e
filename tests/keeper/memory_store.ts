/** The keeper's memory without a database: the same rules as the SQL, in one process, with every write checked. */
import { type Instant, instant, later, type Millis } from "@/lib/kernel/clock.ts";
import {
  type Claim,
  type ClaimAnswer,
  type Demand,
  holdsAddress,
  type MachineStore,
  type Move,
  type MoveOutcome,
  type WakePhase,
} from "@/lib/fleet/machine_store.ts";
import { pickMachine } from "@/lib/fleet/pick_machine.ts";
import { type Machine, mayMove, type Place } from "@/lib/fleet/place.ts";
import { REPLACED } from "@/lib/fleet/step.ts";
import { broken } from "./laws.ts";

export type Row = {
  readonly machineId: string;
  readonly openedAt: Instant;
  closedAt: Instant | null;
};

export type Wake = {
  readonly id: string;
  readonly tier: string;
  readonly machineId: string;
  readonly askedAt: Instant;
  deadline: Instant;
  outcome: "served" | "failed" | "expired" | null;
  readonly stamps: Map<WakePhase, Instant>;
};

export type JournalMove = {
  readonly machineId: string;
  readonly generation: number;
  readonly from: Place;
  readonly move: Move;
  readonly at: Instant;
};

type Lease = { token: number; holder: string | null; until: number };

/** What a move looked like when it was written, for the laws. */
export type MoveWatcher = (before: Machine, after: Machine, move: Move, holder: string) => void;

export class MemoryStore {
  readonly machines = new Map<string, Machine>();
  readonly rows = new Set<Row>();
  readonly wakes: Wake[] = [];
  readonly journal: JournalMove[] = [];
  readonly outcomes = new Map<string, MoveOutcome>();
  readonly lastUsedAt = new Map<string, Instant>();
  onMove: MoveWatcher = () => {};
  /** Told which machine a new wake names. */
  onAsk: (machine: Machine) => void = () => {};
  readonly #leases = new Map<string, Lease>();
  readonly #now: () => Instant;

  constructor(now: () => Instant) {
    this.#now = now;
  }

  add(machine: Machine): void {
    this.machines.set(machine.id, machine);
    this.#leases.set(machine.id, { token: 0, holder: null, until: 0 });
  }

  openRows(machineId: string): number {
    let count = 0;
    for (const row of this.rows) if (row.machineId === machineId) count++;
    return count;
  }

  /** Opens a row while its machine is ready, as admission does under the share lock. */
  grant(machineId: string): Row | null {
    if (this.machines.get(machineId)?.place.at !== "ready") return null;
    const row: Row = { machineId, openedAt: this.#now(), closedAt: null };
    this.rows.add(row);
    return row;
  }

  close(row: Row): void {
    if (!this.rows.delete(row)) return;
    row.closedAt = this.#now();
    this.lastUsedAt.set(row.machineId, row.closedAt);
  }

  openWake(tier: string): Wake | undefined {
    return this.wakes.find((wake) => wake.tier === tier && wake.outcome === null);
  }

  /** Asks as `askWake` does. Answers the wake, or null when none can be woken. */
  ask(tier: string, patience: Millis, attempts: number): Wake | null {
    const now = this.#now();
    this.expire();
    const open = this.openWake(tier);
    if (open !== undefined) {
      open.deadline = instant(Math.max(open.deadline, later(now, patience)));
      return open;
    }
    const pick = pickMachine(
      [...this.machines.values()].filter((m) => m.tier === tier),
      attempts,
      now,
    );
    if (pick.kind === "none") return null;
    const { id: machineId } = pick.machine;
    const id = `wak_${this.wakes.length}`;
    const deadline = later(now, patience);
    this.onAsk(pick.machine);
    const stamps = new Map<WakePhase, Instant>();
    const wake: Wake = { id, tier, machineId, askedAt: now, deadline, outcome: null, stamps };
    this.wakes.push(wake);
    return wake;
  }

  /** The sweep. */
  expire(): void {
    for (const wake of this.wakes) {
      if (wake.outcome === null && wake.deadline <= this.#now()) wake.outcome = "expired";
    }
  }

  retire(machineId: string): void {
    const machine = this.machines.get(machineId);
    if (machine === undefined) return;
    this.machines.set(machineId, { ...machine, retired: true });
    for (const wake of this.wakes) {
      if (wake.machineId === machineId && wake.outcome === null) wake.outcome = "failed";
    }
  }

  /** The store as one process sees it. */
  as(holder: string): MachineStore {
    return {
      due: () => Promise.resolve([...this.machines.keys()]),
      claim: (machineId, span) => Promise.resolve(this.#claim(holder, machineId, span)),
      renew: (claim, span) => Promise.resolve(this.#renew(claim, span)),
      release: (claim) => Promise.resolve(this.#release(claim)),
      demand: (machineId, now) => Promise.resolve(this.#demand(machineId, now)),
      setAddress: (claim, address) => Promise.resolve(this.#setAddress(claim, address)),
      stampWake: (wakeId, phases, now) => Promise.resolve(this.#stamp(wakeId, phases, now)),
      move: (claim, move, now) => Promise.resolve(this.#move(holder, claim, move, now)),
      outcome: (_claim, moveId, outcome) => {
        if (this.outcomes.has(moveId)) broken(`the outcome of ${moveId} was written twice`);
        this.outcomes.set(moveId, outcome);
        return Promise.resolve();
      },
    };
  }

  #claim(holder: string, machineId: string, span: Millis): ClaimAnswer {
    const machine = this.machines.get(machineId);
    const lease = this.#leases.get(machineId);
    if (machine === undefined || lease === undefined) return { kind: "missing" };
    if (lease.holder !== null && lease.until > this.#now()) return { kind: "held" };
    lease.token++;
    lease.holder = holder;
    lease.until = this.#now() + span;
    return { kind: "claimed", claim: { machine, token: lease.token } };
  }

  #holds(claim: Claim): Lease | null {
    const lease = this.#leases.get(claim.machine.id);
    return lease !== undefined && lease.token === claim.token ? lease : null;
  }

  #renew(claim: Claim, span: Millis): boolean {
    const lease = this.#holds(claim);
    if (lease === null || lease.holder === null) return false;
    lease.until = this.#now() + span;
    return true;
  }

  #release(claim: Claim): void {
    const lease = this.#holds(claim);
    if (lease !== null) lease.holder = null;
  }

  #demand(machineId: string, now: Instant): Demand {
    const wake = this.wakes.find((each) =>
      each.machineId === machineId && each.outcome === null && each.deadline > now
    );
    return {
      openRows: this.openRows(machineId),
      lastUsedAt: this.lastUsedAt.get(machineId) ?? null,
      wake: wake === undefined ? null : { id: wake.id, stamped: [...wake.stamps.keys()] },
      replacedAt: this.replaced(machineId),
    };
  }

  /** When its broken computers were replaced, by the journal. */
  replaced(machineId: string): Instant[] {
    return this.journal.flatMap((entry) => {
      const { act, because } = entry.move;
      const counts = entry.machineId === machineId && act === "destroy" &&
        because.startsWith(`${REPLACED}:`);
      return counts ? [entry.at] : [];
    });
  }

  #setAddress(
    claim: Claim,
    { externalId, baseUrl }: { externalId: string | null; baseUrl: string | null },
  ): boolean {
    const machine = this.machines.get(claim.machine.id);
    if (machine === undefined || this.#holds(claim) === null) return false;
    if (machine.generation !== claim.machine.generation) return false;
    this.machines.set(machine.id, { ...machine, externalId, baseUrl });
    return true;
  }

  #stamp(wakeId: string, phases: readonly WakePhase[], now: Instant): void {
    const wake = this.wakes.find((each) => each.id === wakeId);
    if (wake === undefined || wake.outcome !== null) return;
    for (const phase of phases) if (!wake.stamps.has(phase)) wake.stamps.set(phase, now);
  }

  #move(holder: string, claim: Claim, move: Move, now: Instant): Machine | null {
    const before = this.machines.get(claim.machine.id);
    if (before === undefined || this.#holds(claim) === null) return null;
    if (before.generation !== claim.machine.generation) return null;
    if (move.unlessRows && this.openRows(before.id) > 0) return null;
    const { to } = move;
    if (!mayMove(before.place.at, to.at)) broken(`no move from ${before.place.at} to ${to.at}`);
    const after: Machine = {
      ...before,
      place: to,
      placeSince: now,
      failures: move.failures,
      generation: before.generation + 1,
      externalId: move.forget ? null : before.externalId,
      baseUrl: move.forget || !holdsAddress(to.at) ? null : before.baseUrl,
    };
    const needsAddress = to.at === "ready" || to.at === "napping" || to.at === "draining";
    if (needsAddress && after.baseUrl === null) broken(`${to.at} without an address`);
    this.machines.set(after.id, after);
    const { id: machineId, generation } = after;
    this.journal.push({ machineId, generation, from: before.place, move, at: now });
    for (const wake of this.wakes) {
      if (move.wake !== null && wake.machineId === machineId && wake.outcome === null) {
        wake.outcome = move.wake.outcome;
      }
    }
    this.onMove(before, after, move, holder);
    return after;
  }
}
