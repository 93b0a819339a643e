/** The fleet in memory, for the router: fed by NOTIFY, read without waiting. */
import { type Clock, type Instant, minutes, seconds, since } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { Events } from "@/lib/kernel/events.ts";
import type { Log } from "@/lib/kernel/log.ts";
import { type Remaining, remaining, type WakeTimes } from "./eta.ts";
import { timesKey, wakeTimes } from "./eta_store.ts";
import { asError } from "./failure.ts";
import { machineColumns, machineOf, type MachineRow } from "./machine_row.ts";
import { isAtRest, type WakePhase } from "./machine_store.ts";
import { pickMachine } from "./pick_machine.ts";
import type { Machine, PlaceName } from "./place.ts";
import { wakeColumns, wakeOf, type WakeRecord, type WakeRow } from "./wakes_store.ts";

/** A wake as those who wait for it see it. */
export type WakeView = WakeRecord & {
  /** The last step that was seen. */
  readonly phase: "asked" | WakePhase;
  /** From this tier's own history; null when there is none, or it took longer than nearly all before. */
  readonly eta: Remaining | null;
};

export type FleetView = {
  /** All machines but those long out of the lineup, by tier and slot. */
  machines(): readonly Machine[];
  /** The machines of a tier that serve; those whose engine lately did not answer come last. */
  ready(tier: string): readonly Machine[];
  machine(id: string): Machine | null;
  /** The tier's open wake. */
  openWake(tier: string): WakeView | null;
  /** An open wake, or one that ended within the last 10 minutes. */
  wake(id: string): WakeView | null;
  /** What past wakes of the tier took, from the place its open wake began at or else from rest; null without history. */
  etaFor(tier: string): WakeTimes | null;
  /** Calls `listener` after every applied change; the answered function ends it. */
  subscribe(listener: () => void): () => void;
  /** Reads what is known to have changed now, rather than when told; for the replica that changed it. */
  refresh(): Promise<void>;
  close(): Promise<void>;
};

export type FleetViewDeps = { sql: Sql; events: Events; clock: Clock; log: Log };

/** What NOTIFY did not tell is read at last this often. */
const RELOAD_EVERY = seconds(30);
const RETRY_AFTER = seconds(1);
const ENDED_WAKES_KEPT = minutes(10);

/** Reads the fleet and keeps reading. Rejects when the first read fails; later failures are logged and tried again. */
export async function createFleetView(
  { sql, events, clock, log }: FleetViewDeps,
): Promise<FleetView> {
  const machines = new Map<string, Machine>();
  const wakes = new Map<string, WakeRecord>();
  let times: ReadonlyMap<string, WakeTimes> = new Map();
  /** All machines in order, made once per change. */
  let ordered: readonly Machine[] = [];
  /** Of them those that serve, by tier; every request asks. */
  let serving: ReadonlyMap<string, readonly Machine[]> = new Map();

  const listeners = new Set<() => void>();
  const closing = new AbortController();
  const changedMachines = new Set<string>();
  const changedWakes = new Set<string>();
  let isReloadDue = true;
  let areTimesDue = true;
  let reading: Promise<void> | null = null;
  let keeping: Promise<void> | null = null;

  async function reload(): Promise<void> {
    isReloadDue = false;
    changedMachines.clear();
    changedWakes.clear();
    const now = clock.now();
    const [machineRows, wakeRows] = await Promise.all([
      sql<MachineRow[]>`
        select ${machineColumns(sql)} from machines
        where retired_at is null or place not in ('absent', 'asleep')
      `,
      sql<WakeRow[]>`
        select ${wakeColumns(sql)} from wakes
        where ended_at is null or ended_at > ${new Date(now - ENDED_WAKES_KEPT)}
      `,
    ]);
    machines.clear();
    wakes.clear();
    for (const row of machineRows) keepMachine(machineOf(row));
    for (const row of wakeRows) wakes.set(row.id, wakeOf(row));
  }

  /** One query per table, however many notices came in. */
  async function readChanged(): Promise<void> {
    const machineIds = [...changedMachines];
    const wakeIds = [...changedWakes];
    changedMachines.clear();
    changedWakes.clear();
    const [machineRows, wakeRows] = await Promise.all([
      machineIds.length === 0 ? [] : sql<MachineRow[]>`
        select ${machineColumns(sql)} from machines where id = any(${machineIds})
      `,
      wakeIds.length === 0 ? [] : sql<WakeRow[]>`
        select ${wakeColumns(sql)} from wakes where id = any(${wakeIds})
      `,
    ]);
    for (const row of machineRows) keepMachine(machineOf(row));
    for (const row of wakeRows) wakes.set(row.id, wakeOf(row));
    if (wakeRows.some((row) => row.outcome === "served")) areTimesDue = true;
  }

  function keepMachine(machine: Machine): void {
    if (machine.retired && isAtRest(machine.place.at)) machines.delete(machine.id);
    else machines.set(machine.id, machine);
  }

  function apply(): void {
    ordered = [...machines.values()].sort((a, b) =>
      compare(a.tier, b.tier) || a.slot - b.slot || compare(a.id, b.id)
    );
    serving = Map.groupBy(
      ordered.filter(({ place, retired }) => place.at === "ready" && !retired)
        .sort((a, b) => Number(isSick(a)) - Number(isSick(b))),
      ({ tier }) => tier,
    );
    const oldest = clock.now() - ENDED_WAKES_KEPT;
    for (const { id, endedAt } of wakes.values()) {
      if (endedAt !== null && endedAt <= oldest) wakes.delete(id);
    }
    for (const listener of listeners) {
      try {
        listener();
      } catch (error) {
        log.error("fleet_view.listener_failed", { error: asError(error) });
      }
    }
  }

  const isBehind = () => isReloadDue || changedMachines.size + changedWakes.size > 0;

  async function readAll(): Promise<void> {
    try {
      while (isBehind() && !closing.signal.aborted) {
        await (isReloadDue ? reload() : readChanged());
        if (areTimesDue) {
          times = await wakeTimes(sql, clock.now());
          areTimesDue = false;
        }
        if (!closing.signal.aborted) apply();
      }
    } catch (error) {
      isReloadDue = true;
      throw error;
    } finally {
      reading = null; // in the same step as the last look at what is behind: nothing falls between
    }
  }

  /** Reads until nothing more is known to have changed. One at a time, so that an older answer never wins. */
  function read(): Promise<void> {
    if (!isBehind() || closing.signal.aborted) return Promise.resolve();
    return reading ??= readAll();
  }

  /** The same, again and again until it succeeds. */
  function keepReading(): Promise<void> {
    return keeping ??= (async () => {
      while (isBehind() && !closing.signal.aborted) {
        try {
          await read();
        } catch (error) {
          log.warn("fleet_view.read_failed", { error: asError(error) });
          await clock.sleep(RETRY_AFTER, closing.signal);
        }
      }
    })().finally(() => {
      keeping = null;
    });
  }

  async function reloadNowAndThen(): Promise<void> {
    while (!closing.signal.aborted) {
      await clock.sleep(RELOAD_EVERY, closing.signal);
      isReloadDue = true;
      areTimesDue = true;
      await keepReading();
    }
  }

  const heard = (changed: Set<string>) => (id: string) => {
    changed.add(id);
    keepReading();
  };
  const reloaded = () => {
    isReloadDue = true;
    keepReading();
  };
  const unlisten = [
    events.on("machines", heard(changedMachines), reloaded),
    events.on("wakes", heard(changedWakes), reloaded),
  ];
  try {
    await read();
  } catch (error) {
    closing.abort();
    unlisten.forEach((end) => end());
    throw error;
  }
  const reloading = reloadNowAndThen();

  const openWake = (tier: string) =>
    [...wakes.values()].find((wake) => wake.tier === tier && wake.endedAt === null) ?? null;
  const shown = (wake: WakeRecord | null | undefined) =>
    wake === null || wake === undefined ? null : show(wake, times, clock.now());

  return {
    machines: () => ordered,
    ready: (tier) => serving.get(tier) ?? [],
    machine: (id) => machines.get(id) ?? null,
    openWake: (tier) => shown(openWake(tier)),
    wake: (id) => shown(wakes.get(id)),
    etaFor(tier) {
      const from = openWake(tier)?.fromPlace ?? placeToWake(ordered, tier, clock.now());
      return from === null ? null : times.get(timesKey(tier, from)) ?? null;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async refresh() {
      isReloadDue = true;
      await read();
    },
    async close() {
      closing.abort();
      unlisten.forEach((end) => end());
      listeners.clear();
      await Promise.all([reloading, keeping, reading?.catch(() => {})]);
    },
  };
}

/** The place a wake of the tier would begin at now. */
function placeToWake(machines: readonly Machine[], tier: string, now: Instant): PlaceName | null {
  const pick = pickMachine(machines.filter((machine) => machine.tier === tier), Infinity, now);
  return pick.kind === "machine" ? pick.machine.place.at : null;
}

function show(
  wake: WakeRecord,
  times: ReadonlyMap<string, WakeTimes>,
  now: Instant,
): WakeView {
  const known = times.get(timesKey(wake.tier, wake.fromPlace)) ?? null;
  const eta = wake.endedAt === null ? remaining(known, since(wake.askedAt, now)) : null;
  return { ...wake, phase: phaseOf(wake), eta };
}

function phaseOf(wake: WakeRecord): WakeView["phase"] {
  if (wake.healthyAt !== null) return "healthy";
  if (wake.portOpenAt !== null) return "portOpen";
  if (wake.addressAt !== null) return "address";
  if (wake.powerOnAt !== null) return "powerOn";
  return wake.powerAskedAt === null ? "asked" : "powerAsked";
}

function isSick({ place }: Machine): boolean {
  return place.at === "ready" && place.sickSince !== null;
}

const compare = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0;
