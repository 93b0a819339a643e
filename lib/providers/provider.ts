/** What every provider of machines can be asked, and how its failures are named. Source: reference of provider APIs. */
import type { Instant, Millis } from "@/lib/kernel/clock.ts";
import type { Billing } from "./billing.ts";
import type { Offer } from "./offer.ts";

/**
 * What a provider says of one computer's power.
 * `rising` and `falling` are its own transitions; `broken` exists, does not run, and may never run again; `gone` means it
 * said so, never that it did not answer.
 */
export type Power = "off" | "rising" | "on" | "falling" | "broken" | "gone" | "unknown";

export type ProviderCapabilities = {
  /** Where a machine rests: a computer that can be started again, or none. */
  readonly rest: "asleep" | "absent";
  /** Whether machines can be created at all; `static` and `local` have theirs from the lineup. */
  readonly creates: boolean;
  /** Whether machines can be started and stopped; `static` ones cannot. */
  readonly starts: boolean;
  /** Its rest after a stop is billed: in full, for storage, or not at all. */
  readonly restBilling: "full" | "storage" | "none" | "unknown";
  readonly billing: { readonly usageSnapshot: boolean; readonly instanceCost: boolean };
};

/** Names one machine to its provider. The adapter encodes `deploymentId` and `machineId` into the name or label. */
export type MachineRef = {
  readonly machineId: string;
  readonly deploymentId: string;
  readonly tier: string;
  readonly slot: number;
  readonly externalId: string | null;
};

/** What a look at one computer found. */
export type MachineStatus = {
  readonly power: Power;
  /** The provider's own word, for the journal. */
  readonly rawState: string;
  readonly externalId: string | null;
  /** Where the engine answers or will answer; null while unknown. */
  readonly baseUrl: string | null;
  /**
   * The generation of the start whose computer went off by itself, where the provider can tell: that start failed,
   * it was not lost on the way.
   */
  readonly endedAs?: number;
  /** When the computer was rented; left out where nothing is rented. */
  readonly rentedAt?: Instant;
  /** It is off, though billed as if it ran: `power` is `on` until it is brought to rest. */
  readonly isHalted?: true;
  /** It has power although nothing can reach it yet: its address is waited for. */
  readonly isActive?: true;
};

/**
 * The fence of one effect: the generation of the move that asked for it. A provider that can tell refuses an
 * effect older than one it has carried out; all of them treat a repeated effect as done.
 */
export type EffectKey = { readonly generation: number };

export type Provider = {
  readonly name: string;
  readonly capabilities: ProviderCapabilities;
  /** Absent when it bills nothing, or cannot be asked. */
  readonly billing?: Billing;
  /** Looks; has no effect. Throws ProviderError when it cannot tell, rather than guess. */
  status(ref: MachineRef, signal: AbortSignal): Promise<MachineStatus>;
  /** Rents a computer. `onIdKnown` is called as soon as the provider named it, before any waiting. */
  create(
    ref: MachineRef,
    key: EffectKey,
    onIdKnown: (externalId: string) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void>;
  /** Starts or restores it. Idempotent: already on is success. */
  start(ref: MachineRef, key: EffectKey, signal: AbortSignal): Promise<void>;
  /** Stops or hibernates it. Idempotent: already off is success. */
  stop(ref: MachineRef, key: EffectKey, signal: AbortSignal): Promise<void>;
  /** Ends it for good. Idempotent: already gone is success. */
  destroy(ref: MachineRef, key: EffectKey, signal: AbortSignal): Promise<void>;
  /** Every computer that carries our deployment's tag: complete, or it throws. */
  list(deploymentId: string, signal: AbortSignal): Promise<readonly ListedMachine[]>;
  /** Every computer that carries any deployment's tag, for who cannot ask which one is theirs: complete, or it throws. */
  listEvery?(signal: AbortSignal): Promise<readonly TaggedMachine[]>;
  /** What it rents, everywhere or in one region. */
  offers?(region: string | null, signal: AbortSignal): Promise<readonly Offer[]>;
  /** The settings of tiers that cannot be, by what it rents. */
  check?(signal: AbortSignal): Promise<readonly TierProblem[]>;
  /** Releases what this process holds (handles, timers). Machines live on. */
  close(): Promise<void>;
};

/** One computer of the provider's own list. `machineId` is null when its tag cannot be read. */
export type ListedMachine = {
  readonly externalId: string;
  readonly machineId: string | null;
  readonly rawState: string;
  readonly createdAt: Instant | null;
};

export type TaggedMachine = ListedMachine & { readonly deploymentId: string };

/** A setting of a tier that cannot be. */
export type TierProblem = {
  readonly tier: string;
  /** Below the tier, as `hyperstack.flavor`. */
  readonly field: string;
  readonly value: string;
  readonly remedy: string;
};

export type ProviderErrorKind =
  | "auth"
  | "rate-limited"
  | "not-found"
  | "capacity"
  | "conflict"
  | "invalid-state"
  | "insufficient-funds"
  | "invalid-request"
  | "unavailable"
  | "unsupported"
  | "stale-effect"
  | "ambiguous-write"
  | "malformed-response";

/** A provider's failure, classed once where it happened. */
export class ProviderError extends Error {
  override readonly name = "ProviderError";
  constructor(
    readonly kind: ProviderErrorKind,
    readonly provider: string,
    readonly operation: string,
    message: string,
    readonly options: { retryAfterMs?: Millis; cause?: unknown } = {},
  ) {
    super(
      `${provider} ${operation}: ${message}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
  }
}

/** The providers of this deployment by name. */
export type Providers = ReadonlyMap<string, Provider>;
