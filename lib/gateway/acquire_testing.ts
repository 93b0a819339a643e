/** For tests only: a fleet moved by hand, and requests that look for a machine in it. */
import { instant, manualClock, millis } from "@/lib/kernel/clock.ts";
import { parseFleet } from "@/lib/kernel/config.ts";
import type { TierSpec } from "@/lib/kernel/fleet_file.ts";
import { lineupOf, type Target, targetsFor } from "@/lib/fleet/lineup.ts";
import type { Machine } from "@/lib/fleet/place.ts";
import {
  acquire,
  type Acquired,
  type FleetSight,
  type WakeAnswer,
  type WakeSight,
  type Wish,
} from "./acquire.ts";
import { HeldRequests } from "./held_requests.ts";
import { MachineLoads } from "./machine_loads.ts";

/** Two tiers that serve model `m`, first `spot`, then `standard`; `spot` and `standard` are YAML of the tiers. */
export function targetsOf({ spot = "", standard = "" } = {}): readonly Target[] {
  const tier = (name: string, extra: string) =>
    `  - { name: ${name}, provider: static, band: ${name}, serves: { m: m }, ${extra}` +
    ` machines: 2, static: { urls: ["http://a.test", "http://b.test"] } }`;
  const file = parseFleet(`
models: [{ id: m, name: M, vendor: V, kind: chat, context_tokens: 100 }]
lineup:
${tier("spot", spot)}
${tier("standard", standard)}
`);
  return targetsFor(lineupOf(file), "m", { band: null, maxOutputNanoUsd: null });
}

/** A ready machine; its id also names its tier. */
export function readyMachine(tier: string, slot = 0, sinceMs = 0): Machine {
  return {
    id: `${tier}-${slot}`,
    tier,
    slot,
    provider: "static",
    externalId: null,
    baseUrl: "http://a.test",
    place: { at: "ready", since: instant(sinceMs), sickSince: null },
    placeSince: instant(sinceMs),
    failures: 0,
    generation: 1,
    retired: false,
  };
}

/** The fleet, what was asked of it, and requests against it. */
export function handFleet(options: { targets?: readonly Target[] } = {}) {
  const clock = manualClock();
  const machines = new Map<string, Machine>();
  const wakes = new Map<string, WakeSight>();
  const listeners = new Set<() => void>();
  const asked: string[] = [];
  const more: string[] = [];
  const held = new HeldRequests();
  const loads = new MachineLoads(clock);
  /** What the next asks of a tier answer; a fresh wake otherwise. */
  const answers = new Map<string, WakeAnswer | (() => WakeAnswer)>();
  const fleet: FleetSight = {
    ready: (tier) => [...machines.values()].filter((machine) => machine.tier === tier),
    openWake(tier) {
      const open = [...wakes].find(([, wake]) => wake.tier === tier && wake.outcome === null);
      return open === undefined ? null : { id: open[0] };
    },
    wake: (id) => wakes.get(id) ?? null,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const deps = {
    clock,
    fleet,
    loads,
    held,
    askWake(tier: TierSpec): Promise<WakeAnswer> {
      asked.push(tier.name);
      const answer = answers.get(tier.name);
      if (answer !== undefined) {
        return Promise.resolve(typeof answer === "function" ? answer() : answer);
      }
      const wakeId = `wak_${asked.length}`;
      wakes.set(wakeId, {
        tier: tier.name,
        outcome: null,
        because: null,
        phase: "asked",
        eta: null,
      });
      return Promise.resolve({ kind: "asked", wakeId });
    },
    askMore: (tier: TierSpec) => void more.push(tier.name),
  };
  const targets = options.targets ?? targetsOf();
  const changed = () => listeners.forEach((listener) => listener());
  return {
    clock,
    held,
    loads,
    asked,
    more,
    answers,
    listeners,
    ready(machine: Machine) {
      machines.set(machine.id, machine);
      changed();
    },
    gone(id: string) {
      machines.delete(id);
      changed();
    },
    setWake(id: string, change: Partial<WakeSight>) {
      const wake = wakes.get(id);
      if (wake !== undefined) wakes.set(id, { ...wake, ...change });
      changed();
    },
    /** Looks for a machine, at most for a minute. */
    acquire(wish: Partial<Wish> = {}): Promise<Acquired> {
      const whole: Wish = {
        requestId: "req_1",
        targets,
        sessionId: null,
        deadline: { atMs: clock.elapsedMs() + 60_000, kind: "cap" },
        avoid: new Set(),
        lastFailure: null,
        onWaiting: () => {},
        signal: new AbortController().signal,
        ...wish,
      };
      return Promise.try(acquire, deps, whole);
    },
  };
}

/** Lets everything that is due run: promises settle in as many turns as they are deep. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

/** How a promise stands now. */
export async function stateOf<T>(
  promise: Promise<T>,
): Promise<{ kind: "waits" } | { kind: "done"; value: T } | { kind: "failed"; error: unknown }> {
  await settled();
  return await Promise.race([
    promise.then(
      (value) => ({ kind: "done" as const, value }),
      (error: unknown) => ({ kind: "failed" as const, error }),
    ),
    settled().then(() => ({ kind: "waits" as const })),
  ]);
}

export const seconds = (n: number) => millis(n * 1_000);
