/** When a machine wants its next look. Pure. */
import { unreachable } from "@/lib/kernel/assert.ts";
import { type Instant, later, type Millis, millis, seconds, since } from "@/lib/kernel/clock.ts";
import { isWanted, type Sight } from "./decide.ts";
import { napEnds, quietSinceOf } from "./decide_serving.ts";
import type { Machine } from "./place.ts";
import type { TierPolicy } from "./policy.ts";

/** While something is under way, a machine is looked at this often at most, and at least. */
export const LOOK_EVERY_MIN = millis(100);
export const LOOK_EVERY_MAX = millis(1_500);
/** A rented computer that serves may be taken back at any time: it is seen within a minute, with time to spare. */
export const LOOK_AT_RENTED_EVERY = seconds(30);
/** So many looks fit in the shortest span of the policy. */
const LOOKS_PER_SPAN = 4;

/** The span until the next look; null when only a request, the lineup or the minute's sweep can change anything. */
export function nextLook(
  machine: Machine,
  sight: Sight,
  policy: TierPolicy,
  now: Instant,
): Millis | null {
  const soon = pace(policy);
  const { place } = machine;
  switch (place.at) {
    case "asleep":
    case "absent": {
      const resting = sight.power === "off" || sight.power === "gone";
      const helpless = place.at === "absent" ? !policy.creates : !policy.starts;
      if (resting && helpless) return null;
      const unseen = sight.power === "on" || sight.power === "rising" || sight.power === "falling";
      return unseen || isWanted(machine, sight, policy) ? soon : null;
    }
    case "ready": {
      if (place.sickSince !== null || sight.engine !== "healthy") return soon;
      const mayBeLost = policy.creates ? LOOK_AT_RENTED_EVERY : null;
      if (policy.alwaysReady) return mayBeLost;
      const quietSince = quietSinceOf(place, sight) ?? now;
      const span = millis(Math.min(policy.idle, policy.nap?.after ?? policy.idle));
      const quiet = until(later(quietSince, span), now);
      return mayBeLost === null || quiet < mayBeLost ? quiet : mayBeLost;
    }
    case "napping":
      if (place.sickSince !== null || sight.engine !== "asleep") return soon;
      return until(napEnds(place, policy), now);
    case "failed":
      return sight.power === "on" ? soon : until(place.retryAt, now);
    case "creating":
    case "waking":
    case "loading":
    case "draining":
    case "stopping":
    case "destroying":
      return soon;
    default:
      return unreachable(place);
  }
}

/** A quarter of the shortest span that can run out while a machine is under way, within bounds. */
export function pace({ power, load, stop, reask, sick }: TierPolicy): Millis {
  const shortest = Math.min(power, load, stop, reask, sick) / LOOKS_PER_SPAN;
  return millis(Math.min(LOOK_EVERY_MAX, Math.max(LOOK_EVERY_MIN, shortest)));
}

function until(at: Instant, now: Instant): Millis {
  return millis(Math.max(LOOK_EVERY_MIN, since(now, at)));
}
