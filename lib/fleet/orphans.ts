/** Which of a provider's machines nobody remembers. Pure. */
import { type Instant, later, type Millis, minutes, reached } from "@/lib/kernel/clock.ts";
import type { ListedMachine } from "@/lib/providers/provider.ts";
import type { Machine } from "./place.ts";

/** What our table says of a machine, as far as a listed one may be it. */
export type KnownMachine = Pick<Machine, "id" | "provider" | "externalId" | "generation"> & {
  readonly place: Machine["place"]["at"];
};

export type Verdict =
  | { readonly kind: "ours" }
  /** Unknown, and seen for the first time: journalled only. */
  | { readonly kind: "seen" }
  /** Unknown, and not long enough since it was first seen. */
  | { readonly kind: "watched" }
  /** Unknown at a second look: to be ended. */
  | { readonly kind: "orphan" };

/** An unknown machine is ended at the second look at least this long after the first. */
export const CONFIRM_AFTER: Millis = minutes(1);

/**
 * Judges one machine of the provider's list. `creates`: the provider rents computers, so that two may be made for one
 * machine. `firstSeenAt`: when it was first found unknown; null when never.
 */
export function judge(
  listed: ListedMachine,
  known: readonly KnownMachine[],
  { creates, firstSeenAt }: { creates: boolean; firstSeenAt: Instant | null },
  now: Instant,
): Verdict {
  if (known.some((machine) => names(machine, listed, creates))) return { kind: "ours" };
  if (firstSeenAt === null) return { kind: "seen" };
  return reached(later(firstSeenAt, CONFIRM_AFTER), now) ? { kind: "orphan" } : { kind: "watched" };
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
