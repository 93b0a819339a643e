/** What to do with a machine whose provider refused the effect of its last move. Pure. */
import { unreachable } from "@/lib/kernel/assert.ts";
import type { Instant } from "@/lib/kernel/clock.ts";
import { type Act, type Decision, isWanted, type Sight } from "./decide.ts";
import type { Machine } from "./place.ts";
import type { TierPolicy } from "./policy.ts";
import { judgeRefusal, type Refusal, WHY_TEXT } from "./refusal.ts";
import { moveTo, replace, STAY } from "./step.ts";

/**
 * Decides on a refusal of `act`, the effect of the move that brought the machine where it is. A start that cannot be had
 * fails the wake at once, so that whoever waits goes to the next tier; what may have been carried out is looked at.
 */
export function decideRefused(
  machine: Machine,
  { act, refusal }: { readonly act: Act; readonly refusal: Refusal },
  sight: Sight,
  policy: TierPolicy,
  now: Instant,
): Decision {
  const facts = { machine, sight, policy, now, wanted: isWanted(machine, sight, policy) };
  const { place } = machine;
  const verdict = judgeRefusal(refusal, act, policy, now);
  switch (verdict.kind) {
    case "walk-past":
      if (place.at === "creating" || place.at === "waking") {
        const { why, until: retryAt } = verdict;
        return moveTo(facts, { at: "failed", retryAt, why }, null, WHY_TEXT[why], {
          wake: "failed",
        });
      }
      // A computer that must run to be hibernated and cannot run again is billed in full until it is ended.
      if (act === "stop" && place.at === "stopping" && verdict.why === "capacity") {
        return replace(facts, "it can be neither stopped nor started");
      }
      return STAY;
    case "wait":
      if (
        place.at === "creating" || place.at === "waking" || place.at === "stopping" ||
        place.at === "destroying"
      ) {
        const to = { ...place, notBefore: verdict.until };
        return moveTo(facts, to, null, "the provider wants us to wait (rate-limited)");
      }
      return STAY;
    case "look":
      return STAY;
    default:
      return unreachable(verdict);
  }
}
