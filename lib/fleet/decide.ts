/**
 * What to do next with one machine. Pure: the same machine, sight, policy and time give the same answer.
 *
 * Three rules stand above the places. Nothing is stopped, put to sleep or ended under an open usage row while it has
 * power, but a computer past its age that had its time to drain. A power that is `unknown` starts nothing, stops nothing and loses nothing; only deadlines run on. And
 * whatever was asked for is asked for again when no sign of it shows, since any call may be lost.
 */
import { unreachable } from "@/lib/kernel/assert.ts";
import type { Instant } from "@/lib/kernel/clock.ts";
import type { EngineHealth } from "@/lib/engine/engine.ts";
import type { Power } from "@/lib/providers/provider.ts";
import { decideDestroying, decideFailed, decideStopping } from "./decide_cooling.ts";
import { decideAbsent, decideAsleep } from "./decide_resting.ts";
import { decideDraining, decideNapping, decideReady } from "./decide_serving.ts";
import { decideCreating, decideLoading, decideWaking } from "./decide_warming.ts";
import type { Machine, Place } from "./place.ts";
import type { TierPolicy } from "./policy.ts";

/** What can be seen of one machine right now. Gathered before deciding, never during. */
export type Sight = {
  readonly power: Power;
  /** `unreachable` also when nobody knows its address. */
  readonly engine: EngineHealth;
  readonly portOpen: boolean;
  /** Usage rows of this machine that are not closed. */
  readonly openRows: number;
  /** When a request of this machine last ended; null when none is known. */
  readonly lastUsedAt: Instant | null;
  /** Whether an open wake, not past its deadline, names it. */
  readonly waiting: boolean;
  /** The generation of the start that ended by itself, where the provider can tell. */
  readonly endedAs?: number;
  /** It is off, though billed as if it ran: until it is brought to rest its power counts as on. */
  readonly isHalted?: true;
  /** When its computer was rented, by the provider's word; left out where there is none. */
  readonly rentedAt?: Instant;
  /** When its broken computers were replaced lately, oldest first. */
  readonly replacedAt: readonly Instant[];
};

export type Act = "create" | "start" | "stop" | "destroy" | "nap" | "rouse";

/** How a wake ends. `retryAt`: when its machine may be tried again, at the earliest; null when that is not known. */
export type WakeEnd =
  | { readonly outcome: "served" }
  | { readonly outcome: "failed"; readonly retryAt: Instant | null };

export type Decision =
  | { readonly kind: "stay" }
  | {
    readonly kind: "move";
    readonly to: Place;
    readonly act: Act | null;
    readonly because: string;
    /** How the open wake that names it ends with this move; null: it goes on. */
    readonly wake: WakeEnd | null;
    /** The starts that failed in a row, after this move. */
    readonly failures: number;
    /** It had its time to drain: its open rows are of requests that are long over. */
    readonly evenUnderRows?: true;
  };

/** Everything a decision rests on. */
export type Facts = {
  readonly machine: Machine;
  readonly sight: Sight;
  readonly policy: TierPolicy;
  readonly now: Instant;
  /** Someone waits, or it is to be ready always; never once the lineup dropped it. */
  readonly wanted: boolean;
};

/** The facts of a machine that is in one certain place. */
export type Case<At extends Place["at"]> = Facts & { readonly place: Extract<Place, { at: At }> };

/** Decides the next move of one machine, or to leave it where it is. */
export function decide(
  machine: Machine,
  sight: Sight,
  policy: TierPolicy,
  now: Instant,
): Decision {
  const wanted = isWanted(machine, sight, policy);
  const facts: Facts = { machine, sight, policy, now, wanted };
  const { place } = machine;
  switch (place.at) {
    case "absent":
      return decideAbsent({ ...facts, place });
    case "creating":
      return decideCreating({ ...facts, place });
    case "asleep":
      return decideAsleep({ ...facts, place });
    case "waking":
      return decideWaking({ ...facts, place });
    case "loading":
      return decideLoading({ ...facts, place });
    case "ready":
      return decideReady({ ...facts, place });
    case "napping":
      return decideNapping({ ...facts, place });
    case "draining":
      return decideDraining({ ...facts, place });
    case "stopping":
      return decideStopping({ ...facts, place });
    case "destroying":
      return decideDestroying({ ...facts, place });
    case "failed":
      return decideFailed({ ...facts, place });
    default:
      return unreachable(place);
  }
}

/** Whether the machine should serve: someone waits for it, or it is to be ready always. */
export function isWanted(machine: Machine, sight: Sight, policy: TierPolicy): boolean {
  return !machine.retired && (sight.waiting || policy.alwaysReady);
}
