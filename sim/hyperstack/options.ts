/** What a simulated Hyperstack account is told when it starts. */

import type { Clock } from "@/lib/kernel/clock.ts";
import type { EngineOptions } from "../options.ts";
import type { FaultRates } from "./faults.ts";

/** The statuses of Hyperstack's virtual machines (its docs, webhooks and inference toolkit name these). */
export type VmStatus =
  | "CREATING"
  | "BUILD"
  | "ACTIVE"
  | "STARTING"
  | "STOPPING"
  | "SHUTOFF"
  | "REBOOTING"
  | "HIBERNATING"
  | "HIBERNATED"
  | "RESTORING"
  | "DELETING"
  | "DELETED"
  | "ERROR";

/** A span drawn evenly between two bounds, by the seed. */
export type Between = { readonly leastMs: number; readonly mostMs: number };

/** How long each step takes. The vendor gives no figures; the defaults are ours. */
export type Durations = {
  readonly creating: Between;
  readonly building: Between;
  /** From ACTIVE until a floating IP answers. */
  readonly address: Between;
  readonly starting: Between;
  readonly stopping: Between;
  readonly rebooting: Between;
  readonly hibernating: Between;
  readonly restoring: Between;
  readonly deleting: Between;
  /** From the floating IP until vLLM's port is open. */
  readonly engine: Between;
};

const between = (leastS: number, mostS: number): Between => ({
  leastMs: leastS * 1_000,
  mostMs: mostS * 1_000,
});

export const DEFAULT_DURATIONS: Durations = {
  creating: between(20, 40),
  building: between(60, 150),
  address: between(3, 8),
  starting: between(30, 60),
  stopping: between(15, 30),
  rebooting: between(20, 40),
  hibernating: between(60, 180),
  restoring: between(90, 240),
  deleting: between(5, 20),
  engine: between(120, 240),
};

/** Hourly prices in nano-dollars of what is no flavor. Source: the published price list, August 2026. */
export type Prices = {
  readonly addressNanoUsdPerHour: bigint;
  readonly diskNanoUsdPerGbHour: bigint;
  /** By flavor name; replaces the catalogue's price. */
  readonly flavorNanoUsdPerHour: Readonly<Record<string, bigint>>;
};

export const DEFAULT_PRICES: Prices = {
  addressNanoUsdPerHour: 6_720_430n,
  diskNanoUsdPerGbHour: 96_774n,
  flavorNanoUsdPerHour: {},
};

/** What a spot machine becomes when its hardware is taken. Undocumented, so all three can be had. */
export type Preempted = "SHUTOFF" | "ERROR" | "gone";

/** What a restore does when no GPU is free: 400 at once, or accepted and then back, or then ERROR. */
export type StarvedRestore = "refuse" | "back" | "ERROR";

/** What a machine runs when its user data has no `vllm serve` line. */
export type FallbackEngine = {
  readonly port: number;
  readonly servedModelNames: readonly string[];
};

export type HyperstackOptions = {
  readonly clock: Clock;
  readonly seed: number;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly apiKey: string;
  /** The first two bytes of the floating IPs, for example `127.44`. */
  readonly addressPrefix: string;
  /** Without engines a machine only has a state. */
  readonly engines: "real" | "none";
  readonly fallbackEngine: FallbackEngine | null;
  /** Given to every engine; port, host and model names come from the machine. */
  readonly engine: Partial<EngineOptions>;
  readonly faults: Partial<FaultRates>;
  readonly prices: Partial<Prices>;
  readonly durations: Partial<Durations>;
  /** GPUs free at the start, by `region/gpu`; what is not named has {@link DEFAULT_STOCK}. */
  readonly stock: Readonly<Record<string, number>>;
  /** Key pairs that every environment has from the start. */
  readonly keypairs: readonly string[];
  readonly creditNanoUsd: bigint;
  readonly preemptedBecomes: Preempted;
  readonly starvedRestore: StarvedRestore;
  /** Decimals of a dollar in billing answers; the invoice is exact whatever they are. */
  readonly usageDecimals: number;
  /** How far the totals of the billing answers are behind. */
  readonly usageLateMs: number;
  readonly requestsPerMinuteMax: number;
  readonly log: (line: string) => void;
};

export const DEFAULT_STOCK = 16;

export const DEFAULT_HYPERSTACK: Omit<HyperstackOptions, "clock"> = {
  seed: 0,
  host: "127.0.0.1",
  port: 0,
  apiKey: "sim-hyperstack-key",
  addressPrefix: "127.44",
  engines: "none",
  fallbackEngine: { port: 8_000, servedModelNames: ["sim/echo-8b"] },
  engine: {},
  faults: {},
  prices: {},
  durations: {},
  stock: {},
  keypairs: [],
  creditNanoUsd: 1_000_000_000_000n,
  preemptedBecomes: "SHUTOFF",
  starvedRestore: "refuse",
  usageDecimals: 9,
  usageLateMs: 0,
  requestsPerMinuteMax: 500,
  log: () => {},
};
