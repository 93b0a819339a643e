/**
 * What a resource costs, by the whole minute and exactly.
 * Each minute ends at a UTC minute mark and is billed for the state the resource is in when the mark comes.
 */

import { unreachable } from "@/lib/kernel/assert.ts";
import type { VmStatus } from "./options.ts";

export const MINUTE_MS = 60_000;
const MINUTES_PER_HOUR = 60n;

/** A stretch of a resource's life at one price. `toMs` null while it lasts. */
export type Span = {
  readonly status: VmStatus;
  readonly fromMs: number;
  readonly toMs: number | null;
  readonly nanoUsdPerHour: bigint;
};

/** A credit (below 0) or a correction, at the moment it shows. */
export type Adjustment = { readonly atMs: number; readonly nanoUsd: bigint };

export type BilledParts = {
  readonly flavorNanoUsdPerHour: bigint;
  /** The root disk on persistent storage. */
  readonly rootDiskNanoUsdPerHour: bigint;
  readonly addressNanoUsdPerHour: bigint;
  readonly hasAddress: boolean;
};

/**
 * The hourly price of a machine in a state. The vendor says: ACTIVE and SHUTOFF in full; HIBERNATED the root disk and
 * a kept address; HIBERNATING, RESTORING, ERROR and deletion nothing. Of the states in between it says nothing: a
 * machine that holds its GPU (STARTING, STOPPING, REBOOTING) is billed in full here, one that has none yet is not.
 */
export function nanoUsdPerHour(status: VmStatus, parts: BilledParts): bigint {
  const address = parts.hasAddress ? parts.addressNanoUsdPerHour : 0n;
  switch (status) {
    case "ACTIVE":
    case "SHUTOFF":
    case "STARTING":
    case "STOPPING":
    case "REBOOTING":
      return parts.flavorNanoUsdPerHour + address;
    case "HIBERNATED":
      return parts.rootDiskNanoUsdPerHour + address;
    case "CREATING":
    case "BUILD":
    case "HIBERNATING":
    case "RESTORING":
    case "DELETING":
    case "DELETED":
    case "ERROR":
      return 0n;
    default:
      return unreachable(status);
  }
}

/**
 * The minute marks within [fromMs, toMs) that a span is billed for. A change at a mark comes after the mark: what was
 * billed is never taken back by a call of the same millisecond.
 */
export function minutesWithin(span: Span, fromMs: number, toMs: number): number {
  const first = Math.max(Math.floor(span.fromMs / MINUTE_MS) + 1, Math.ceil(fromMs / MINUTE_MS));
  const end = Math.ceil(toMs / MINUTE_MS);
  const last = span.toMs === null ? end - 1 : Math.min(Math.floor(span.toMs / MINUTE_MS), end - 1);
  return Math.max(0, last - first + 1);
}

/**
 * What marks and adjustments in [fromMs, toMs) come to, in nano-dollars, rounded half up once.
 * A mark at `toMs` belongs to the next stretch.
 */
export function billed(
  spans: readonly Span[],
  adjustments: readonly Adjustment[],
  fromMs: number,
  toMs: number,
): bigint {
  let perHour = 0n;
  for (const span of spans) {
    perHour += span.nanoUsdPerHour * BigInt(minutesWithin(span, fromMs, toMs));
  }
  let total = halfUp(perHour, MINUTES_PER_HOUR);
  for (const { atMs, nanoUsd } of adjustments) {
    if (atMs >= fromMs && atMs < toMs) total += nanoUsd;
  }
  return total;
}

/** Dollars for a JSON answer, rounded half up to `decimals` (at most 9). */
export function dollars(nanoUsd: bigint, decimals: number): number {
  const unit = 10n ** BigInt(9 - decimals);
  return Number(halfUp(nanoUsd, unit)) / 10 ** decimals;
}

/** The price of one minute, rounded half up to the nano-dollar. */
export function perMinute(hourlyNanoUsd: bigint): bigint {
  return halfUp(hourlyNanoUsd, MINUTES_PER_HOUR);
}

function halfUp(value: bigint, by: bigint): bigint {
  const shifted = 2n * value + by;
  const floor = shifted / (2n * by);
  return shifted < 0n && shifted % (2n * by) !== 0n ? floor - 1n : floor;
}
