/** What the keeper needs remembered: leases, demand, moves. In Postgres for real, in memory for the simulation. */
import { days, type Instant, type Millis } from "@/lib/kernel/clock.ts";
import type { Act, WakeEnd } from "./decide.ts";
import type { Machine, Place } from "./place.ts";

/** The right to move one machine. The token only ever grows, so a late holder is told from the current one. */
export type Claim = { readonly machine: Machine; readonly token: number };

export type ClaimAnswer =
  | { readonly kind: "claimed"; readonly claim: Claim }
  /** Another keeper looks at it right now. */
  | { readonly kind: "held" }
  | { readonly kind: "missing" };

/** The steps of a wake that are timed as they are seen, first to last. */
export const WAKE_PHASES = ["powerAsked", "powerOn", "address", "portOpen", "healthy"] as const;
export type WakePhase = (typeof WAKE_PHASES)[number];

/** Who wants the machine. */
export type Demand = {
  readonly openRows: number;
  /** When a request of this machine last ended; null when none is known. */
  readonly lastUsedAt: Instant | null;
  /** The open wake that names it and is not past its deadline. */
  readonly wake: { readonly id: string; readonly stamped: readonly WakePhase[] } | null;
  /** When its broken computers were replaced within {@link REPLACEMENTS_TOLD}, oldest first. */
  readonly replacedAt: readonly Instant[];
};

/** How far back a machine's replacements are told. */
export const REPLACEMENTS_TOLD: Millis = days(1);

/** One move as it is written down, before its effect. */
export type Move = {
  readonly id: string;
  readonly to: Place;
  readonly act: Act | null;
  readonly because: string;
  readonly failures: number;
  readonly wake: WakeEnd | null;
  /** The computer is gone: its name and address are forgotten. */
  readonly forget: boolean;
  /** Refused while a usage row of the machine is open. */
  readonly unlessRows: boolean;
};

/** `refused`: it was not tried, or the provider knew a newer one. */
export type MoveOutcome = "done" | "failed" | "refused";

export type MachineStore = {
  /** The machines that have a reason to be looked at: all but those long retired and at rest. */
  due(now: Instant): Promise<readonly string[]>;
  /** Takes the machine's lease for `span` when nobody holds it. */
  claim(machineId: string, span: Millis): Promise<ClaimAnswer>;
  /** Extends the lease to `span` from now. False: another holds it, and nothing may be done for this claim any more. */
  renew(claim: Claim, span: Millis): Promise<boolean>;
  release(claim: Claim): Promise<void>;
  demand(machineId: string, now: Instant): Promise<Demand>;
  /** Writes what the provider said of the computer. False when the claim is stale. */
  setAddress(
    claim: Claim,
    address: { externalId: string | null; baseUrl: string | null },
  ): Promise<boolean>;
  /** Times the phases of an open wake; a phase keeps its first time. */
  stampWake(wakeId: string, phases: readonly WakePhase[], now: Instant): Promise<void>;
  /**
   * Writes the move, its journal row and the end of the wake in one step, if generation and token are still those of
   * the claim. Answers the machine as it is then; null when it was refused.
   */
  move(claim: Claim, move: Move, now: Instant): Promise<Machine | null>;
  /** Journals what came of a move. Written whoever holds the lease by then: it is a fact. */
  outcome(
    claim: Claim,
    moveId: string,
    outcome: MoveOutcome,
    detail: Readonly<Record<string, string | number>>,
    now: Instant,
  ): Promise<void>;
};

/** A retired machine at rest is still looked at for this long: a late start would run unseen. */
export const RETIRED_WATCH_MS = 3_600_000;

/** Places in which an address is that of the computer we mean; on the way into any other it is forgotten. */
export function holdsAddress(place: Place["at"]): boolean {
  return place === "loading" || place === "ready" || place === "napping" || place === "draining" ||
    place === "stopping" || place === "destroying";
}

/** Places whose computer is not known to run. */
export function isAtRest(place: Place["at"]): boolean {
  return place === "absent" || place === "asleep";
}
