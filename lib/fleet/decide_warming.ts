/** Decisions on the way to ready: a computer is rented, started, loads its engine. */
import { unreachable } from "@/lib/kernel/assert.ts";
import { type Instant, later, reached } from "@/lib/kernel/clock.ts";
import type { Case, Decision, Facts } from "./decide.ts";
import type { Place } from "./place.ts";
import {
  askAgainAt,
  cool,
  failStart,
  load,
  moveTo,
  replace,
  retryAt,
  rouse,
  serve,
  start,
  STAY,
} from "./step.ts";

/** A computer is being rented. */
export function decideCreating(facts: Case<"creating">): Decision {
  const { machine, now, place, policy, sight } = facts;
  if (machine.retired) return windDown(facts);
  if (sight.power === "on") return load(facts, "power is on");
  if (sight.power === "broken") return breakDown(facts, "it was rented broken");
  if (reached(place.deadline, now)) return failStart(facts, "it was not rented in time");
  if (sight.power === "gone" && reached(askAgainAt(place, policy), now)) {
    return moveTo(
      facts,
      asked(place, now),
      "create",
      "no sign of a computer; asked again",
    );
  }
  return STAY;
}

/** Its start was asked for. */
export function decideWaking(facts: Case<"waking">): Decision {
  const { machine, now, place, policy, sight } = facts;
  const isOff = sight.power === "off" || sight.isHalted === true;
  if (machine.retired) return windDown(facts);
  if (sight.power === "on" && !isOff) return load(facts, "power is on");
  if (sight.power === "gone") return loseStart(facts, "absent", "the computer is gone");
  if (sight.power === "broken") {
    // What was asked for last may yet mend it.
    const isDue = reached(askAgainAt(place, policy), now) || reached(place.deadline, now);
    return isDue ? breakDown(facts, "it broke") : STAY;
  }
  if (reached(place.deadline, now)) return failStart(facts, "power did not come on in time");
  if (isOff && sight.endedAs === machine.generation) {
    return loseStart(facts, "asleep", "it ended by itself");
  }
  if (sight.power === "off" && place.isRising === true) {
    return loseStart(facts, "asleep", "it went off again as it started");
  }
  if (sight.power === "rising" && place.isRising !== true && policy.creates) {
    return moveTo(facts, { ...place, isRising: true }, null, "power is coming");
  }
  if (isOff && reached(askAgainAt(place, policy), now)) {
    return moveTo(facts, asked(place, now), "start", "no sign of power; asked again");
  }
  return STAY;
}

/** Power is on; the engine loads, or wakes from its sleep mode. */
export function decideLoading(facts: Case<"loading">): Decision {
  const { machine, now, place, policy, sight } = facts;
  if (sight.power === "gone") return loseStart(facts, "absent", "the computer is gone");
  if (sight.power === "off") return loseStart(facts, "asleep", "power was lost while it loaded");
  if (sight.power === "broken") return breakDown(facts, "it broke while it loaded");
  if (machine.retired) return windDown(facts);
  // No engine loads on it; what is asked for is that it rests.
  if (sight.isHalted === true) return failStart(facts, "it was shut off as it loaded");
  switch (sight.engine) {
    case "healthy":
      return serve(facts, "the engine is healthy");
    case "asleep":
      if (!place.rousing) return rouse(facts, "the engine was found in sleep mode");
      if (reached(place.deadline, now)) break;
      if (reached(later(place.askedAt, policy.reask), now)) {
        const to: Place = { ...place, askedAt: now };
        return moveTo(facts, to, "rouse", "the engine still sleeps; asked again");
      }
      return STAY;
    case "dead":
    case "unreachable":
      break;
    default:
      return unreachable(sight.engine);
  }
  return reached(place.deadline, now) ? failStart(facts, "the engine did not load in time") : STAY;
}

/** The place of what is asked for anew. */
function asked<P extends { askedAt: Instant; notBefore?: Instant }>(place: P, now: Instant) {
  const { notBefore: _refused, ...rest } = place;
  return { ...rest, askedAt: now };
}

/** A computer that broke under a start: asked to start again while it may be, then replaced by another. */
function breakDown(facts: Facts, because: string): Decision {
  const { machine, policy, wanted } = facts;
  if (machine.retired) return cool(facts, because);
  const failures = machine.failures + 1;
  const spent = failures >= policy.attempts;
  const startable = machine.place.at !== "creating" && policy.starts;
  if (!spent && startable && wanted) return start(facts, `${because}; asked again`, failures);
  return replace(facts, because, { failures, wake: spent ? "failed" : null });
}

function windDown(facts: Facts): Decision {
  return facts.sight.power === "unknown" ? STAY : cool(facts, "the lineup no longer names it");
}

/** The computer went away under a start: tried again at once while it may be, since someone waits. */
function loseStart(facts: Facts, at: "asleep" | "absent", because: string): Decision {
  const { machine, now, policy, sight, wanted } = facts;
  if (at === "asleep" && policy.rest === "absent") return failStart(facts, because);
  // A napping machine that loses its power had not failed to start.
  const rousing = machine.place.at === "loading" && machine.place.rousing;
  const failures = machine.failures + (rousing || machine.retired ? 0 : 1);
  const spent = !rousing && !machine.retired && failures >= policy.attempts;
  if (spent) {
    const to: Place = { at: "failed", retryAt: retryAt(failures, policy, now) };
    return moveTo(facts, to, null, `${because}, attempts spent`, { failures, wake: "failed" });
  }
  if (sight.power === "off" && wanted && policy.starts) return start(facts, because, failures);
  return moveTo(facts, { at }, null, because, { failures });
}
