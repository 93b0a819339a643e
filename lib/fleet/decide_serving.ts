/** Decisions while the engine is up: serving, draining, napping. */
import { unreachable } from "@/lib/kernel/assert.ts";
import { type Instant, instant, later, millis, reached } from "@/lib/kernel/clock.ts";
import type { Case, Decision, Facts, Sight } from "./decide.ts";
import type { Machine, Place } from "./place.ts";
import { isFixed, type TierPolicy } from "./policy.ts";
import { WHY_TEXT } from "./refusal.ts";
import { cool, endOld, isOld, isPowerless, load, moveTo, rouse, serve, STAY } from "./step.ts";

/** It serves. */
export function decideReady(facts: Case<"ready">): Decision {
  const { machine, now, place, policy, sight } = facts;
  if (isLost(sight)) return lose(facts);
  if (machine.retired) return drain(facts, "stop", "the lineup no longer names it");
  if (isOld(facts)) return drain(facts, "replace", "it is past its age");
  switch (sight.engine) {
    case "asleep":
      // A late call put it to sleep under us; a request sent to it would hang.
      return rouse(facts, "the engine was found in sleep mode");
    case "dead":
    case "unreachable": {
      if (place.sickSince === null) {
        const to: Place = { ...place, sickSince: now };
        return moveTo(facts, to, null, `the engine is ${sight.engine}`);
      }
      if (!reached(later(place.sickSince, policy.sick), now)) return STAY;
      return drain(facts, "stop", `the engine stayed ${sight.engine}`, true);
    }
    case "healthy":
      break;
    default:
      return unreachable(sight.engine);
  }
  if (place.sickSince !== null) {
    return moveTo(facts, { ...place, sickSince: null }, null, "the engine answers again");
  }
  if (sight.waiting) {
    // A wake that named it while it became ready.
    return moveTo(facts, place, null, "it is ready", { wake: "served" });
  }
  const quietSince = quietSinceOf(place, sight);
  if (quietSince === null || policy.alwaysReady) return STAY;
  if (reached(later(quietSince, policy.idle), now)) {
    return drain(facts, "stop", "quiet for its idle time");
  }
  if (policy.nap !== null && reached(later(quietSince, policy.nap.after), now)) {
    return drain(facts, "nap", "quiet for its nap time");
  }
  return STAY;
}

/** It takes nothing new; what it has runs to its end. */
export function decideDraining(facts: Case<"draining">): Decision {
  const { machine, now, place, policy, sight, wanted } = facts;
  if (isLost(sight)) return lose(facts);
  if (place.then === "replace" && !machine.retired) {
    if (sight.power === "unknown") return STAY;
    return endOld(facts, reached(later(machine.placeSince, policy.drain), now));
  }
  if (!machine.retired) {
    if (sight.engine === "healthy" && place.sick) return serve(facts, "the engine answers again");
    if (sight.engine === "healthy" && wanted) return serve(facts, "it is wanted again");
    if (sight.engine === "asleep" && wanted) return rouse(facts, "it is wanted again");
  }
  if (sight.openRows > 0 || sight.power === "unknown") return STAY;
  if (isFixed(policy) && !machine.retired) return load(facts, "drained; its engine is waited for");
  if (place.then === "nap" && policy.nap !== null && !machine.retired && !place.sick) {
    const to: Place = { at: "napping", since: now, askedAt: now, sickSince: null };
    return moveTo(facts, to, "nap", "drained");
  }
  return cool(facts, "drained");
}

/** The engine is in sleep mode. */
export function decideNapping(facts: Case<"napping">): Decision {
  const { machine, now, place, policy, sight, wanted } = facts;
  if (isLost(sight)) return lose(facts);
  const known = sight.power !== "unknown";
  if (known && isOld(facts)) return endOld(facts);
  if (wanted) return rouse(facts, "it is wanted");
  if (machine.retired && known) return cool(facts, "the lineup no longer names it");
  if (known && reached(napEnds(place, policy), now)) return cool(facts, "quiet for its idle time");
  switch (sight.engine) {
    case "asleep":
      return place.sickSince === null
        ? STAY
        : moveTo(facts, { ...place, sickSince: null }, null, "the engine answers again");
    case "healthy": {
      if (!reached(later(place.askedAt, policy.reask), now) || policy.nap === null) return STAY;
      const to: Place = { ...place, askedAt: now, sickSince: null };
      return sight.openRows > 0
        ? STAY
        : moveTo(facts, to, "nap", "the engine is awake; asked again");
    }
    case "dead":
    case "unreachable": {
      if (place.sickSince === null) {
        const to: Place = { ...place, sickSince: now };
        return moveTo(facts, to, null, `the engine is ${sight.engine}`);
      }
      if (!known || !reached(later(place.sickSince, policy.sick), now)) return STAY;
      return cool(facts, `the engine stayed ${sight.engine} in its nap`);
    }
    default:
      return unreachable(sight.engine);
  }
}

/** Since when a ready machine runs nothing; null while it runs something or someone waits. */
export function quietSinceOf(
  place: Extract<Machine["place"], { at: "ready" }>,
  sight: Sight,
): Instant | null {
  if (sight.openRows > 0 || sight.waiting) return null;
  return instant(Math.max(place.since, sight.lastUsedAt ?? 0));
}

/** When a nap has lasted the rest of the tier's idle time. */
export function napEnds(
  place: Extract<Machine["place"], { at: "napping" }>,
  policy: TierPolicy,
): Instant {
  if (policy.nap === null) return place.since;
  return later(place.since, millis(Math.max(0, policy.idle - policy.nap.after)));
}

/** The provider says power is off, and no healthy engine says otherwise: one wrong status is no proof. */
function isLost(sight: Sight): boolean {
  const { engine } = sight;
  return isPowerless(sight) && engine !== "healthy" && engine !== "asleep";
}

function lose(facts: Facts): Decision {
  const { machine, now, policy, sight } = facts;
  const rests = sight.power === "gone" || (policy.rest === "asleep" && sight.isHalted !== true);
  if (policy.preemptible && !machine.retired) {
    // There is none to be had where this one was taken: whoever wants one goes to the next tier.
    const cooling = { retryAt: later(now, policy.noStock), why: "preempted" } as const;
    if (!rests) return cool(facts, WHY_TEXT.preempted, false, cooling);
    return moveTo(facts, { at: "failed", ...cooling }, null, WHY_TEXT.preempted, {
      wake: "failed",
    });
  }
  if (sight.isHalted === true) return cool(facts, "it was shut off, and is billed all the same");
  if (sight.power === "gone") return moveTo(facts, { at: "absent" }, null, "the computer is gone");
  if (policy.rest === "absent") return cool(facts, "power was lost");
  return moveTo(facts, { at: "asleep" }, null, "power was lost");
}

function drain(
  facts: Facts,
  then: "nap" | "stop" | "replace",
  because: string,
  sick = false,
): Decision {
  return moveTo(facts, { at: "draining", then, sick }, null, because);
}
