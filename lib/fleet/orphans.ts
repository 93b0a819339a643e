/** Which of a provider's machines nobody remembers, when one is asked to end, and which of ours are no more. Pure. */
import { type Instant, later, type Millis, millis, minutes, reached } from "@/lib/kernel/clock.ts";
import type { ListedMachine } from "@/lib/providers/provider.ts";
import type { Machine } from "./place.ts";

/** What our table says of a machine, as far as a listed one may be it. */
export type KnownMachine = Pick<Machine, "id" | "provider" | "externalId" | "generation"> & {
  readonly place: Machine["place"]["at"];
};

/** What the journal has of an unknown machine that is not known to be ours or gone. */
export type Suspicion = {
  readonly firstSeenAt: Instant;
  /** How often its end was asked for, and when last. */
  readonly asks: number;
  readonly lastAskedAt: Instant | null;
  /** The machine its tag named. */
  readonly machineId: string | null;
};

export type Verdict =
  | { readonly kind: "ours" }
  /** Unknown, and seen for the first time: journalled only. */
  | { readonly kind: "seen" }
  /** Unknown, and not long enough since it was first seen, or since it was last asked to end. */
  | { readonly kind: "watched" }
  /** Unknown at a second look: to be ended. `ask` counts from 1. */
  | { readonly kind: "orphan"; readonly ask: number };

/** An unknown machine is ended at the second look at least this long after the first. */
export const CONFIRM_AFTER: Millis = minutes(1);
/** A destruction may be lost, or carried out slowly: it is asked for again after this, */
export const ASK_AGAIN_AFTER: Millis = minutes(1);
/** and from this asking on, which somebody should look at, each time after twice as long, */
export const CLINGS_FROM_ASK = 5;
/** but at least this often, since the machine costs money as long as it is there. */
export const ASK_AGAIN_AFTER_MAX: Millis = minutes(60);

/**
 * Judges one machine of the provider's list. `creates`: the provider rents computers, so that two may be made for one
 * machine. `suspicion`: what is known of it since it was first found unknown; null when it never was.
 */
export function judge(
  listed: ListedMachine,
  known: readonly KnownMachine[],
  { creates, suspicion }: { creates: boolean; suspicion: Suspicion | null },
  now: Instant,
): Verdict {
  if (known.some((machine) => names(machine, listed, creates))) return { kind: "ours" };
  if (suspicion === null) return { kind: "seen" };
  const { firstSeenAt, asks, lastAskedAt } = suspicion;
  const next = lastAskedAt === null
    ? later(firstSeenAt, CONFIRM_AFTER)
    : later(lastAskedAt, askAgainAfter(asks));
  return reached(next, now) ? { kind: "orphan", ask: asks + 1 } : { kind: "watched" };
}

/** How long the `asks`-th asking is given to show. */
export function askAgainAfter(asks: number): Millis {
  return millis(
    Math.min(ASK_AGAIN_AFTER * 2 ** Math.max(0, asks - CLINGS_FROM_ASK), ASK_AGAIN_AFTER_MAX),
  );
}

/**
 * Our machines whose computer a whole list does not have: the keeper looks at each, and says itself that it is gone.
 * One that is just being made may not be listed yet.
 */
export function ghosts(
  listed: readonly ListedMachine[],
  known: readonly KnownMachine[],
): readonly KnownMachine[] {
  const there = new Set(listed.map(({ externalId }) => externalId));
  return known.filter(({ externalId, place }) =>
    externalId !== null && place !== "absent" && !there.has(externalId)
  );
}

/**
 * Whether our machine is the listed one: by the provider's name, or by the tag. Where computers are rented the tag
 * counts only until the name is known: of two made for one machine, the one we do not know is the orphan.
 */
function names(machine: KnownMachine, listed: ListedMachine, creates: boolean): boolean {
  if (machine.externalId !== null && machine.externalId === listed.externalId) return true;
  const byTag = machine.id === listed.machineId && machine.place !== "absent";
  return byTag && (machine.externalId === null || !creates);
}
