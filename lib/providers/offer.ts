/** One kind of computer a provider rents, at its price. */
import type { NanoUsd } from "@/lib/kernel/money.ts";

export type Offer = {
  readonly provider: string;
  /** What a tier names to rent it. */
  readonly name: string;
  readonly region: string;
  readonly gpu: string;
  readonly gpuCount: number;
  readonly cpus: number;
  readonly ramGb: number;
  /** The root disk, which a machine at rest keeps. */
  readonly diskGb: number;
  /** Lost at rest. */
  readonly ephemeralGb: number;
  /** Null: unpriced, which is not free. */
  readonly nanoUsdPerHour: NanoUsd | null;
  /** The provider may take it away. */
  readonly isSpot: boolean;
  /** Whether it can give its GPU back and keep its disk; null when nobody says. */
  readonly canHibernate: boolean | null;
  readonly isInStock: boolean;
  /** How many could be rented now; null when the provider does not say. */
  readonly free: number | null;
};
