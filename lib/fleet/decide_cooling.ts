/** Decisions on the way to rest: a stop or a destruction was asked for, or the machine failed. */
import { unreachable } from "@/lib/kernel/assert.ts";
import { later, reached } from "@/lib/kernel/clock.ts";
import type { Case, Decision } from "./decide.ts";
import { isFixed } from "./policy.ts";
import {
  askAgainAt,
  cool,
  create,
  endOld,
  isOld,
  load,
  moveTo,
  replace,
  rest,
  start,
  STAY,
} from "./step.ts";

/** Its stop was asked for. */
export function decideStopping(facts: Case<"stopping">): Decision {
  const { now, place, policy, sight } = facts;
  if (sight.power === "off") return rest(facts, "asleep", place.failing, "power is off");
  if (sight.power === "broken") return rest(facts, "asleep", place.failing, "it broke");
  // One that cannot be stopped, and is past its age, is billed until it is ended.
  if (isOld(facts) && reached(place.deadline, now) && sight.power === "on") return endOld(facts);
  if (sight.power === "gone") return rest(facts, "absent", place.failing, "the computer is gone");
  return askAgain(
    facts,
    "stop",
    sight.power === "on" && reached(askAgainAt(place, policy), now),
  );
}

/** Its end was asked for; only the provider's own word that it is gone ends the asking. */
export function decideDestroying(facts: Case<"destroying">): Decision {
  const { now, place, policy, sight } = facts;
  if (sight.power === "gone") return rest(facts, "absent", place.failing, "the computer is gone");
  const seen = sight.power === "on" || sight.power === "off" || sight.power === "broken";
  return askAgain(facts, "destroy", seen && reached(askAgainAt(place, policy), now));
}

/** It would not start; nothing may run unseen meanwhile. */
export function decideFailed(facts: Case<"failed">): Decision {
  const { machine, now, place, policy, sight, wanted } = facts;
  const due = reached(place.retryAt, now) || machine.retired;
  switch (sight.power) {
    case "on":
      if (!isFixed(policy)) {
        // Once it may be tried again it is only switched off first, and whoever waits is served after.
        const failing = due ? false : { failures: machine.failures, wake: null };
        return cool(facts, "power is on after it failed", failing);
      }
      if (machine.retired) {
        return moveTo(facts, { at: "asleep" }, null, "the lineup no longer names it");
      }
      return due ? load(facts, "tried again") : STAY;
    case "off":
      if (!due) return STAY;
      if (isOld(facts) && !machine.retired) return endOld(facts);
      if (policy.rest === "absent") return cool(facts, "its computer is of no use");
      return wanted && policy.starts
        ? start(facts, "tried again")
        : moveTo(facts, { at: "asleep" }, null, "it may be tried again");
    case "broken":
      if (!due) return STAY;
      if (machine.retired || !policy.creates) {
        return moveTo(facts, { at: "asleep" }, null, "it may be tried again");
      }
      if (isOld(facts)) return endOld(facts);
      if (wanted && policy.starts && machine.failures < policy.attempts) {
        return start(facts, "it is broken; asked to start");
      }
      return replace(facts, "it is still broken");
    case "gone":
      if (!due) return STAY;
      return wanted && policy.creates
        ? create(facts, "tried again")
        : moveTo(facts, { at: "absent" }, null, "it may be tried again");
    case "rising":
    case "falling":
    case "unknown":
      return STAY;
    default:
      return unreachable(sight.power);
  }
}

/** The call may be lost: asked again when it shows no effect, and in any case at the deadline, with a new one. */
function askAgain(
  facts: Case<"stopping"> | Case<"destroying">,
  act: "stop" | "destroy",
  noSign: boolean,
): Decision {
  const { now, policy } = facts;
  const { notBefore, ...place } = facts.place;
  if (notBefore !== undefined && !reached(notBefore, now)) return STAY;
  if (reached(place.deadline, now)) {
    const to = { ...place, askedAt: now, deadline: later(now, policy.stop) };
    return moveTo(facts, to, act, `it did not ${act} in time; asked again`);
  }
  if (!noSign) return STAY;
  return moveTo(facts, { ...place, askedAt: now }, act, `no sign of the ${act}; asked again`);
}
