/**
 * Where a machine is in its life, and the only moves there are.
 *
 *   absent ──▶ creating ──▶ loading ◀── waking ◀── asleep
 *     ▲            │           │           │         ▲
 *     │            ▼           ▼           ▼         │ off
 *     └──── destroying     ready ◀──▶ draining ──▶ stopping ──▶ failed ──▶ asleep
 *                                         │ ▲          ▲
 *                                         ▼ │ (loading)│
 *                                       napping ───────┘
 *
 * A request is admitted only by a `ready` machine, so nothing new begins once it drains. A machine that loses its
 * power is asleep again (or absent, when the computer is gone), wherever it was.
 */
import type { Instant } from "@/lib/kernel/clock.ts";
import type { Why } from "./refusal.ts";

export type Place =
  /** No computer exists. */
  | { at: "absent" }
  /**
   * A computer is being rented; `askedAt` is when the provider was last asked. `notBefore`, here and below: the provider
   * refused that for now, and may be asked again then.
   */
  | { at: "creating"; deadline: Instant; askedAt: Instant; notBefore?: Instant }
  /** Hibernated or stopped: it exists, costs at most its disk, and can be started. */
  | { at: "asleep" }
  /** Its start was asked for; power is not on yet. */
  | {
    at: "waking";
    deadline: Instant;
    askedAt: Instant;
    notBefore?: Instant;
    /** A rented computer was seen to get power: if it is off again, the start failed. */
    isRising?: true;
  }
  /** Power is on; the engine loads. `rousing`: it was napping and was told to wake. */
  | { at: "loading"; deadline: Instant; rousing: boolean; askedAt: Instant }
  /**
   * It serves. Its quiet time counts from `since` or from its last request, whichever is later (a request may come
   * and go between two looks, so the rows are asked, not our memory). `sickSince`: since when its engine is unwell.
   */
  | { at: "ready"; since: Instant; sickSince: Instant | null }
  /** vLLM's sleep mode: the GPU is held, weights wait in host memory. */
  | { at: "napping"; since: Instant; askedAt: Instant; sickSince: Instant | null }
  /**
   * It serves what it has and takes nothing new. A wake brings it back, unless it is sick, or its computer is too old:
   * `replace` ends it, and the next wake rents another.
   */
  | { at: "draining"; then: "nap" | "stop" | "replace"; sick: boolean }
  /**
   * Its stop (hibernate) was asked for. `failing`: because it would not start or work. `why`: it was taken back, and once
   * it rests it is left alone until `retryAt`.
   */
  | {
    at: "stopping";
    deadline: Instant;
    askedAt: Instant;
    failing: boolean;
    notBefore?: Instant;
    why?: Why;
    retryAt?: Instant;
  }
  /** Its destruction was asked for; it stays here until the provider says it is gone. */
  | {
    at: "destroying";
    deadline: Instant;
    askedAt: Instant;
    failing: boolean;
    notBefore?: Instant;
    why?: Why;
    retryAt?: Instant;
  }
  /** It would not start or work, or may not be asked for (`why`); tried again after `retryAt`. */
  | { at: "failed"; retryAt: Instant; why?: Why };

export type PlaceName = Place["at"];

/** One computer of a tier, as the keeper sees it. */
export type Machine = {
  readonly id: string;
  readonly tier: string;
  /** Its number within the tier, from 0. */
  readonly slot: number;
  readonly provider: string;
  /** The provider's own name for the computer; null while none exists. */
  readonly externalId: string | null;
  readonly baseUrl: string | null;
  readonly place: Place;
  readonly placeSince: Instant;
  /** Starts that failed in a row; 0 once it was ready. */
  readonly failures: number;
  /** Grows by one with every move; a write that names an old generation is refused. */
  readonly generation: number;
  /** The lineup no longer names it: it drains, stops and is then closed. */
  readonly retired: boolean;
};

/** The only moves that exist. The keeper asserts it, the store checks it, and the simulation refuses any other. */
export const MOVES = {
  absent: ["creating", "loading", "asleep", "destroying"],
  creating: ["creating", "loading", "destroying", "failed"],
  asleep: ["waking", "loading", "stopping", "absent", "destroying", "failed"],
  waking: ["waking", "loading", "stopping", "destroying", "asleep", "absent", "failed"],
  loading: ["loading", "ready", "waking", "stopping", "destroying", "asleep", "absent", "failed"],
  ready: [
    "ready",
    "draining",
    "loading",
    "stopping",
    "asleep",
    "absent",
    "destroying",
    "failed",
  ],
  napping: ["napping", "loading", "stopping", "destroying", "asleep", "absent", "failed"],
  draining: [
    "ready",
    "napping",
    "loading",
    "stopping",
    "destroying",
    "asleep",
    "absent",
    "failed",
  ],
  stopping: ["stopping", "asleep", "absent", "failed", "destroying"],
  destroying: ["destroying", "absent", "failed"],
  failed: [
    "failed",
    "waking",
    "creating",
    "loading",
    "asleep",
    "absent",
    "stopping",
    "destroying",
  ],
} as const satisfies Record<PlaceName, readonly PlaceName[]>;

export function mayMove(from: PlaceName, to: PlaceName): boolean {
  return (MOVES[from] as readonly PlaceName[]).includes(to);
}

/** The five states a person sees, and the two between. */
export type ShownState = "Cold" | "Warming up" | "Active" | "Sleeping" | "Cooling down" | "Failed";

export const SHOWN_STATE = {
  absent: "Cold",
  asleep: "Cold",
  creating: "Warming up",
  waking: "Warming up",
  loading: "Warming up",
  ready: "Active",
  napping: "Sleeping",
  draining: "Cooling down",
  stopping: "Cooling down",
  destroying: "Cooling down",
  failed: "Failed",
} as const satisfies Record<PlaceName, ShownState>;
