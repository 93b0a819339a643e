/** What a provider's own billing says of our account: what the adapters answer and the ledger keeps. */
import type { Instant } from "@/lib/kernel/clock.ts";
import type { NanoUsd } from "@/lib/kernel/money.ts";

export type ResourceKind = "machine" | "volume" | "address" | "snapshot" | "other";

/** One thing the provider bills. Money is rounded half up to the nano-dollar where the provider says more. */
export type BilledResource = {
  /** The provider's id; for a machine the same as its `externalId`. */
  readonly resourceId: string;
  readonly kind: ResourceKind;
  readonly name: string;
  /** The machine it is, or belongs to, when its name says so; null for what is not ours. */
  readonly machineId: string | null;
  /** What it costs now. */
  readonly nanoUsdPerMinute: NanoUsd;
  /** Billed for it since it was created; lowered by credits and corrections. */
  readonly totalNanoUsd: NanoUsd;
  readonly active: boolean;
  readonly createdAt: Instant | null;
  readonly terminatedAt: Instant | null;
};

/** The whole account at one moment, terminated resources included. */
export type BillingReading = {
  readonly resources: readonly BilledResource[];
  /** The answer as it came, for the record; JSON. */
  readonly raw: unknown;
};

/** What the provider's history says of one machine between two moments. */
export type MachineBill = {
  readonly billedNanoUsd: NanoUsd;
  readonly activeMinutes: number | null;
  readonly hibernatedMinutes: number | null;
  readonly offMinutes: number | null;
};

/** All calls throw ProviderError; none has an effect. */
export type Billing = {
  /** Everything on the account, in one call. */
  usage(signal: AbortSignal): Promise<BillingReading>;
  /** What the provider says the account cost on its last whole day (UTC), by its own sum. */
  lastDayCost(signal: AbortSignal): Promise<NanoUsd>;
  machineHistory(
    externalId: string,
    from: Instant,
    to: Instant,
    signal: AbortSignal,
  ): Promise<MachineBill>;
  credit(signal: AbortSignal): Promise<
    { readonly creditNanoUsd: NanoUsd; readonly canCreate: boolean | null }
  >;
};
