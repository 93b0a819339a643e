/** What a seed stands for: the kind of machines, their policy, and what goes wrong while faults last. */
import { millis, seconds } from "@/lib/kernel/clock.ts";
import type { TierPolicy } from "@/lib/fleet/policy.ts";
import type { Faults } from "./faults.ts";
import type { ProcessFaults } from "./keeper_process.ts";
import { Dice } from "./virtual_time.ts";

export type Kind = "local" | "hibernating" | "rented" | "fixed";

export type Scenario = {
  readonly kind: Kind;
  readonly machines: number;
  readonly alwaysReady: number;
  readonly policy: TierPolicy;
  /** A machine the lineup drops on the way; null: none. */
  readonly retiresSlot: number | null;
  readonly requestsPerS: number;
  readonly faults: Faults;
  readonly processFaults: ProcessFaults;
  /** There is a tier below: who is told that this one cannot serve goes there. */
  readonly hasNext: boolean;
};

const ABILITIES = {
  local: { rest: "asleep", creates: false, starts: true },
  hibernating: { rest: "asleep", creates: true, starts: true },
  rented: { rest: "absent", creates: true, starts: false },
  fixed: { rest: "asleep", creates: false, starts: false },
} as const;

/** Half the seeds suffer from one or two kinds of faults, so that what one hides another run shows. */
export function scenarioOf(seed: number): Scenario {
  const dice = new Dice(seed * 7 + 1);
  const kind = dice.pick<Kind>([
    "local",
    "local",
    "local",
    "hibernating",
    "hibernating",
    "rented",
    "rented",
    "fixed",
  ]);
  const machines = 1 + Math.floor(dice.next() * 3);
  const naps = kind !== "fixed" && dice.chance(0.5);
  const all = dice.chance(0.5);
  const some = (probability: number) => all || dice.chance(0.3) ? probability : 0;
  const creates = kind === "hibernating" || kind === "rented";
  const rented = (probability: number) => creates ? some(probability) : 0;
  return {
    kind,
    machines,
    alwaysReady: kind === "fixed" ? machines : dice.chance(0.15) ? 1 : 0,
    policy: {
      power: seconds(200),
      create: seconds(240),
      load: seconds(100),
      stop: seconds(60),
      reask: seconds(10),
      sick: seconds(8),
      idle: seconds(90),
      nap: naps ? { after: seconds(30), level: 1 } : null,
      retry: seconds(10),
      retryMax: seconds(60),
      attempts: dice.pick([1, 2, 3]),
      noStock: seconds(60),
      preemptible: creates && dice.chance(0.5),
      ageMax: creates && dice.chance(0.4) ? seconds(dice.pick([120, 200, 280])) : null,
      drain: seconds(40),
      replacements: { max: dice.pick([1, 2]), within: seconds(600) },
      ...ABILITIES[kind],
      alwaysReady: false,
    },
    retiresSlot: machines > 1 && dice.chance(0.3) ? machines - 1 : null,
    requestsPerS: dice.pick([1 / 15, 1 / 45, 1 / 120]),
    faults: {
      lostBefore: some(0.1),
      lostAfter: some(0.1),
      ignored: some(0.15),
      statusFails: some(0.05),
      statusLies: some(0.01),
      neverOn: some(0.1),
      neverLoads: some(0.1),
      diesLoading: some(0.1),
      powerLostPerS: some(0.004),
      engineDiesPerS: some(0.004),
      engineFlapsPerS: some(0.008),
      startedByHandPerS: some(0.002),
      slow: some(0.1),
      noStock: rented(0.3),
      accountRefused: rented(0.05),
      requestRefused: rented(0.03),
      limited: rented(0.2),
      breaksStarting: rented(0.2),
      breaksAtRestPerS: rented(0.003),
      preemptedPerS: rented(0.006),
    },
    // Where keepers have no misfortune of their own, laws are held to the second.
    processFaults: dice.chance(0.25) ? NO_PROCESS_FAULTS : {
      crash: some(0.002),
      pause: some(0.003),
      pauseSMax: 60,
      storeFails: some(0.01),
      pokeLost: some(0.05),
    },
    hasNext: dice.chance(0.5),
  };
}

export const NO_PROCESS_FAULTS: ProcessFaults = {
  crash: 0,
  pause: 0,
  pauseSMax: 0,
  storeFails: 0,
  pokeLost: 0,
};

/** How long a request waits, and how long faults last. */
export const PATIENCE = seconds(200);
export const FAULTS_MS = 420_000;
/** By then everything has served and rests. */
export const END_MS = 2_400_000;
/** Requests asked after the faults ended wait as long as it takes; by this much later they are served. */
export const PROBE_AFTER_MS = 30_000;
export const TICK = millis(1_000);
