/** The moves that several places share: ending a computer's running, and counting a start that failed. */
import { type Instant, later, millis, reached } from "@/lib/kernel/clock.ts";
import type { Act, Decision, Facts, Sight, WakeEnd } from "./decide.ts";
import type { Place } from "./place.ts";
import { isFixed, type TierPolicy } from "./policy.ts";
import { type Why, WHY_TEXT } from "./refusal.ts";

export const STAY: Decision = { kind: "stay" };

/** A move that keeps the count of failures. */
export function moveTo(
  facts: Pick<Facts, "machine" | "policy" | "now">,
  to: Place,
  act: Act | null,
  because: string,
  rest: { wake?: "served" | "failed"; failures?: number } = {},
): Decision {
  const { wake, failures = facts.machine.failures } = rest;
  return { kind: "move", to, act, because, wake: endOf(wake, to, failures, facts), failures };
}

function endOf(
  outcome: WakeEnd["outcome"] | undefined,
  to: Place,
  failures: number,
  { machine, policy, now }: Pick<Facts, "machine" | "policy" | "now">,
): WakeEnd | null {
  if (outcome !== "failed") return outcome === undefined ? null : { outcome };
  if (to.at === "failed") return { outcome, retryAt: to.retryAt };
  if (to.at !== "stopping" && to.at !== "destroying") return { outcome, retryAt: null };
  // Its time begins once it rests, which is not sooner than now.
  const spent = to.failing && !machine.retired ? retryAt(failures, policy, now) : null;
  return { outcome, retryAt: to.retryAt ?? spent };
}

/** It serves from now on; whoever waited is served, and its failures are forgiven. */
export function serve(facts: Facts, because: string): Decision {
  const to: Place = { at: "ready", since: facts.now, sickSince: null };
  return moveTo(facts, to, null, because, { wake: "served", failures: 0 });
}

/** Power is on; the engine is waited for. */
export function load(facts: Facts, because: string): Decision {
  return moveTo(facts, loading(facts, false), null, because);
}

/** Wakes the engine from its sleep mode. */
export function rouse(facts: Facts, because: string): Decision {
  return moveTo(facts, loading(facts, true), "rouse", because);
}

/** Asks for a start. */
export function start(facts: Facts, because: string, failures?: number): Decision {
  const { now, policy } = facts;
  const to: Place = { at: "waking", deadline: later(now, policy.power), askedAt: now };
  return moveTo(facts, to, "start", because, failures === undefined ? {} : { failures });
}

/** Asks for a computer. */
export function create(facts: Facts, because: string): Decision {
  const { now, policy } = facts;
  const to: Place = { at: "creating", deadline: later(now, policy.create), askedAt: now };
  return moveTo(facts, to, "create", because);
}

/**
 * Ends the running of a computer that has, or may have, power: stopped where it rests asleep, destroyed where it
 * rests absent, is half made, or is not wanted ever again. Waits for open rows to end; each has limits of its own.
 */
export function cool(
  facts: Facts,
  because: string,
  failing: false | { failures: number; wake: "failed" | null } = false,
  cooling: { readonly why: Why; readonly retryAt: Instant } | null = null,
): Decision {
  const { machine, now, policy, sight } = facts;
  if (sight.openRows > 0 && !isPowerless(sight)) return STAY;
  if (isFixed(policy)) return leave(facts, because);
  const halfMade = machine.place.at === "creating";
  const ends = policy.rest === "absent" || halfMade || (machine.retired && policy.creates);
  const to: Place = {
    at: ends ? "destroying" : "stopping",
    deadline: later(now, policy.stop),
    askedAt: now,
    failing: failing !== false,
    ...cooling,
  };
  const outcome = failing === false
    ? cooling === null ? {} : { wake: "failed" as const }
    : { failures: failing.failures, ...(failing.wake === null ? {} : { wake: failing.wake }) };
  return moveTo(facts, to, ends ? "destroy" : "stop", because, outcome);
}

/** How the journal begins to tell of a computer that is ended because it broke; by it they are counted. */
export const REPLACED = "replaced";

/**
 * Ends a computer that is of no use any more, to rent another when one is wanted next. So many times in a span; then
 * the machine has failed until the span lets it. Where none can be rented, it is a start that failed.
 */
export function replace(
  facts: Facts,
  because: string,
  { failures, wake }: { failures: number; wake: "failed" | null } = {
    failures: facts.machine.failures,
    wake: null,
  },
): Decision {
  const { now, policy, sight } = facts;
  if (!policy.creates) return failStart(facts, because);
  const { max, within } = policy.replacements;
  const recent = sight.replacedAt.filter((at) => !reached(later(at, within), now));
  const [oldest] = recent;
  if (oldest !== undefined && recent.length >= max) {
    const to: Place = { at: "failed", retryAt: later(oldest, within), why: "broken" };
    return moveTo(facts, to, null, `${because}; replaced ${max} times lately, which is enough`, {
      failures,
      wake: "failed",
    });
  }
  return moveTo(facts, ending(facts), "destroy", `${REPLACED}: ${because}`, {
    failures,
    ...(wake === null ? {} : { wake }),
  });
}

/** Whether the computer was rented longer ago than it may be kept. */
export function isOld({ now, policy, sight }: Facts): boolean {
  return policy.ageMax !== null && policy.creates && sight.rentedAt !== undefined &&
    reached(later(sight.rentedAt, policy.ageMax), now);
}

/** Ends a computer that is past its age. Under open rows only when it had its time to drain. */
export function endOld(facts: Facts, hadItsTime = false): Decision {
  if (facts.sight.openRows > 0 && !isPowerless(facts.sight) && !hadItsTime) return STAY;
  const decision = moveTo(facts, ending(facts), "destroy", "it is past its age");
  return hadItsTime && decision.kind === "move" ? { ...decision, evenUnderRows: true } : decision;
}

function ending({ now, policy }: Facts): Place {
  return { at: "destroying", deadline: later(now, policy.stop), askedAt: now, failing: false };
}

/** Nothing runs on it, by the provider's word. */
export function isPowerless({ power, isHalted }: Pick<Sight, "power" | "isHalted">): boolean {
  return power === "off" || power === "gone" || power === "broken" || isHalted === true;
}

/** When an effect that shows no sign is asked for again: the provider may have said when. */
export function askAgainAt(
  { askedAt, notBefore }: { readonly askedAt: Instant; readonly notBefore?: Instant },
  { reask }: TierPolicy,
): Instant {
  return notBefore ?? later(askedAt, reask);
}

/** A computer that cannot be stopped is left as it is: looked at again later, or never when it is retired. */
function leave(facts: Facts, because: string): Decision {
  const { machine, now, policy } = facts;
  if (machine.retired) return moveTo(facts, { at: "asleep" }, null, because);
  const failures = machine.failures + 1;
  const to: Place = { at: "failed", retryAt: retryAt(failures, policy, now) };
  return moveTo(facts, to, null, because, { failures, wake: "failed" });
}

/** One more failed start of a computer that has, or may have, power: it is cooled, and tried again while it may be. */
export function failStart(facts: Facts, because: string): Decision {
  const failures = facts.machine.failures + 1;
  return cool(facts, because, {
    failures,
    wake: failures >= facts.policy.attempts ? "failed" : null,
  });
}

/** When a machine that failed `failures` times is tried again: doubling from `retry`, at most `retryMax` from now. */
export function retryAt(failures: number, policy: TierPolicy, now: Instant): Instant {
  const doublings = Math.max(0, failures - policy.attempts);
  return later(now, millis(Math.min(policy.retry * 2 ** doublings, policy.retryMax)));
}

/** Where a machine goes once its computer is off or gone: to rest, or to failed when its attempts are spent. */
export function rest(
  facts: Facts,
  at: "asleep" | "absent",
  failing: boolean,
  because: string,
): Decision {
  const { machine, now, policy } = facts;
  const { place } = machine;
  const isEnding = place.at === "stopping" || place.at === "destroying";
  if (isEnding && place.why !== undefined && place.retryAt !== undefined && !machine.retired) {
    const to: Place = { at: "failed", retryAt: place.retryAt, why: place.why };
    return moveTo(facts, to, null, `${because}; ${WHY_TEXT[place.why]}`, { wake: "failed" });
  }
  const spent = failing && !machine.retired && machine.failures >= policy.attempts;
  if (!spent) return moveTo(facts, { at }, null, because);
  const to: Place = { at: "failed", retryAt: retryAt(machine.failures, policy, now) };
  return moveTo(facts, to, null, `${because}, attempts spent`, { wake: "failed" });
}

function loading({ now, policy }: Facts, rousing: boolean): Place {
  return { at: "loading", deadline: later(now, policy.load), rousing, askedAt: now };
}
