/** Which machine of a tier a wake asks for: the one that can serve soonest. Pure. */
import type { Instant } from "@/lib/kernel/clock.ts";
import type { Machine, Place } from "./place.ts";
import { coolDownOf, WHY_TEXT } from "./refusal.ts";

export type Pick =
  | { readonly kind: "machine"; readonly machine: Machine }
  | { readonly kind: "none"; readonly retryAt: Instant | null; readonly because: string };

/**
 * Picks by place, then by fewest failed starts, then by slot. Never one that serves already, that the lineup dropped,
 * that is drained as sick unless nothing else is left, or that failed and may not be tried yet; and none that would have
 * to be asked of a provider that lately had none of the tier to give.
 */
export function pickMachine(machines: readonly Machine[], attempts: number, now: Instant): Pick {
  const cooling = coolDownOf(machines, now);
  const candidates = machines.flatMap((machine) => {
    const rank = machine.retired ? null : rankOf(machine, attempts, now);
    // What the provider refused one machine it would refuse another; one with power needs nothing of it.
    return rank === null || (cooling !== null && rank >= RANKS.asleep) ? [] : [{ machine, rank }];
  });
  const [best] = candidates.sort((a, b) =>
    a.rank - b.rank || a.machine.failures - b.machine.failures || a.machine.slot - b.machine.slot
  );
  if (best !== undefined) return { kind: "machine", machine: best.machine };
  if (cooling !== null) {
    return { kind: "none", retryAt: cooling.until, because: WHY_TEXT[cooling.why] };
  }
  const retries = machines.flatMap(({ place, retired }) =>
    place.at === "failed" && !retired ? [place.retryAt] : []
  );
  const retryAt = retries.length === 0 ? null : retries.reduce((a, b) => a < b ? a : b);
  return { kind: "none", retryAt, because: reasonOf(machines) };
}

/** Soonest to serve first. */
const RANKS = {
  draining: 0,
  loading: 1,
  waking: 2,
  napping: 3,
  creating: 4,
  asleep: 5,
  stopping: 6,
  absent: 7,
  destroying: 8,
  failed: 9,
  sick: 10,
} as const satisfies Record<Exclude<Place["at"], "ready"> | "sick", number>;

function rankOf({ place, failures }: Machine, attempts: number, now: Instant): number | null {
  switch (place.at) {
    case "ready":
      return null;
    case "draining":
      if (place.then === "replace") return RANKS.destroying;
      return place.sick ? RANKS.sick : RANKS.draining;
    case "stopping":
    case "destroying":
      // Its attempts are spent: it is about to be failed.
      return place.failing && failures >= attempts ? null : RANKS[place.at];
    case "failed":
      return now >= place.retryAt ? RANKS.failed : null;
    default:
      return RANKS[place.at];
  }
}

function reasonOf(machines: readonly Machine[]): string {
  const named = machines.filter((machine) => !machine.retired);
  if (named.length === 0) return "the tier has no machines";
  if (named.every(({ place }) => place.at === "ready")) {
    return "every machine of the tier serves already";
  }
  const broken = named.some(({ place }) => place.at === "failed" && place.why === "broken");
  if (broken) return WHY_TEXT.broken;
  return "every machine of the tier that does not serve has failed to start";
}
