/** The account behind the API: its world, its money, its environments and keys, and the faults planned for it. */

import type { Clock } from "@/lib/kernel/clock.ts";
import { REGIONS } from "./catalog.ts";
import { type FaultDesk, faultDesk, type FaultRates, NO_FAULTS } from "./faults.ts";
import {
  DEFAULT_DURATIONS,
  DEFAULT_PRICES,
  type Durations,
  type HyperstackOptions,
  type Prices,
} from "./options.ts";
import { type Resource, resourcesOf, totalOf } from "./statement.ts";
import type { Environment, Keypair } from "./vm.ts";
import { createWorld, type World } from "./world.ts";

/** An outage: every call fails with 503, or finds its connection cut. */
export type Outage = {
  readonly fromMs: number;
  readonly toMs: number;
  readonly how: "unavailable" | "cut";
};

export type Account = {
  readonly options: HyperstackOptions;
  readonly clock: Clock;
  readonly world: World;
  readonly faults: FaultDesk;
  readonly outages: Outage[];
  readonly environments: Environment[];
  keypairs: Keypair[];
  usageLateMs: number;
  /** Calls under way, less those whose answer waits for time. */
  answering: number;
  /** Paid in so far. */
  paidNanoUsd: bigint;
  nextId(): number;
  now(): number;
  /** Everything ever billed, as it is now. */
  resources(): Resource[];
  creditNanoUsd(): bigint;
  /** Tells who waits for it (the engines) that a call may have changed something. */
  changed(): void;
  onChange(fn: () => void): void;
};

const FIRST_ID = 100;

/** An account with one environment per region, `default-<region>`, as a new account has. */
export function openAccount(options: HyperstackOptions): Account {
  const rates: FaultRates = { ...NO_FAULTS, ...options.faults };
  const prices: Prices = { ...DEFAULT_PRICES, ...options.prices };
  const durations: Durations = { ...DEFAULT_DURATIONS, ...options.durations };
  const world = createWorld({ ...options, prices, durations, ...rates });
  let lastId = FIRST_ID;
  const nextId = () => ++lastId;
  const listeners: (() => void)[] = [];
  const environments = REGIONS.map((region) => ({
    ...{ id: nextId(), name: `default-${region}`, region },
  }));
  const keypairs = environments.flatMap(({ name: environment }) =>
    options.keypairs.map((name): Keypair => ({
      ...{ id: nextId(), name, environment, publicKey: "ssh-ed25519 AAAA simulated" },
      createdMs: options.clock.now(),
    }))
  );
  const account: Account = {
    options,
    clock: options.clock,
    world,
    // its own draws, so that a fault rate does not change how long things take
    faults: faultDesk(options.seed + 1, rates),
    outages: [],
    environments,
    keypairs,
    usageLateMs: options.usageLateMs,
    answering: 0,
    paidNanoUsd: options.creditNanoUsd,
    nextId,
    now() {
      const nowMs = options.clock.now();
      world.advance(nowMs);
      return nowMs;
    },
    resources: () => resourcesOf(world.all(), world.diskNanoUsdPerHour),
    creditNanoUsd() {
      const nowMs = account.now();
      return account.resources().reduce(
        (left, resource) => left - totalOf(resource, nowMs),
        account.paidNanoUsd,
      );
    },
    changed: () => listeners.forEach((fn) => fn()),
    onChange: (fn) => void listeners.push(fn),
  };
  return account;
}
