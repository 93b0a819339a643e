/** Decisions at rest: a machine with no computer, and one whose computer is off. */
import { unreachable } from "@/lib/kernel/assert.ts";
import type { Case, Decision } from "./decide.ts";
import { isFixed } from "./policy.ts";
import { later } from "@/lib/kernel/clock.ts";
import { cool, create, endOld, isOld, load, moveTo, start, STAY } from "./step.ts";

/** No computer is known. One that shows up all the same is taken up when wanted, and never left to run unseen. */
export function decideAbsent(facts: Case<"absent">): Decision {
  const { policy, sight, wanted } = facts;
  switch (sight.power) {
    case "gone":
      return wanted && policy.creates ? create(facts, "it is wanted") : STAY;
    case "on":
      if (wanted) return load(facts, "a computer of its own was found running");
      break;
    case "off":
    case "broken":
    case "rising":
    case "falling":
      break;
    case "unknown":
      return STAY;
    default:
      return unreachable(sight.power);
  }
  if (policy.rest === "asleep" && !(facts.machine.retired && policy.creates)) {
    return moveTo(facts, { at: "asleep" }, null, "a computer of its own was found");
  }
  return cool(facts, "a computer of its own was found, unwanted");
}

/** The computer is off. One that runs all the same is billed, so it is taken up or stopped. */
export function decideAsleep(facts: Case<"asleep">): Decision {
  const { machine, now, policy, sight, wanted } = facts;
  switch (sight.power) {
    case "gone":
      return moveTo(facts, { at: "absent" }, null, "the computer is gone");
    case "on":
      if (sight.isHalted === true && wanted && policy.starts) {
        return start(facts, "it is shut off, and wanted");
      }
      if (wanted) return load(facts, "power is on");
      return isFixed(policy) ? STAY : cool(facts, "power is on, and nobody wants it");
    case "off":
      if (isOld(facts)) return endOld(facts);
      if (wanted && policy.starts) return start(facts, "it is wanted");
      break;
    case "broken": {
      if (isOld(facts)) return endOld(facts);
      if (wanted && policy.starts) return start(facts, "it is broken; asked to start");
      if (!policy.creates || machine.retired) break;
      // One word is no proof: it is ended when it is still broken a while later.
      const retryAt = later(now, policy.retry);
      return moveTo(facts, { at: "failed", retryAt, why: "broken" }, null, "it is broken");
    }
    case "rising":
    case "falling":
      // It ends in one of the others by itself.
      return STAY;
    case "unknown":
      return STAY;
    default:
      return unreachable(sight.power);
  }
  if (machine.retired && policy.creates) return cool(facts, "the lineup no longer names it");
  if (policy.rest === "absent") return cool(facts, "nobody wants it");
  return STAY;
}
