/** The laws of rented computers: refused, taken back, broken, grown old. */
import type { Move } from "@/lib/fleet/machine_store.ts";
import type { Machine } from "@/lib/fleet/place.ts";
import { REPLACED } from "@/lib/fleet/step.ts";
import { NOBODY_LOOKS_MS_MAX, saysPowerless, type Watched } from "./judge.ts";
import type { Told } from "./keeper_process.ts";
import { broken } from "./laws.ts";

/** A refusal is acted on in the look that heard it. */
const SPILL_MS_MAX = 3_000;
/** What was taken back is seen within a minute, with time to spare. */
const SEEN_MS_MAX = 40_000;
/** What nobody waits for is seen by the minute's sweep. */
const SWEPT_MS_MAX = 63_000;
/** A provider that does not answer, or lies, is asked at the next look. */
const LIES_MS_MAX = 130_000;

const WALKED_PAST = new Set(["capacity", "auth", "insufficient-funds", "invalid-request"]);

/** When a new wake names a machine: was the tier to be left alone? */
export function judgeAsk({ store, time }: Watched, { id, place }: Machine): void {
  const mustBeAsked = ["asleep", "absent", "stopping", "destroying", "failed"].includes(place.at);
  if (!mustBeAsked) return;
  for (const { place: other, retired } of store.machines.values()) {
    if (other.at !== "failed" || retired || other.why === undefined) continue;
    if (other.why === "broken" || other.retryAt <= time.now()) continue;
    broken(`a wake names ${id}, though the tier is to be left alone for ${other.why}`);
  }
}

/** When a move is written. */
export function judgeRentedMove(
  { policyOf, store, time }: Watched,
  told: Told,
  before: Machine,
  after: Machine,
  { because }: Move,
): void {
  const policy = policyOf(after);
  const { at } = after.place;
  const served = ["ready", "draining", "napping"].includes(before.place.at);
  if (served && policy.preemptible && !after.retired && saysPowerless(told)) {
    if (at === "asleep" || at === "absent") {
      broken(`${before.place.at} → ${at}, but it was taken back: its tier is not left alone`);
    }
  }
  if (!because.startsWith(`${REPLACED}:`)) return;
  const { max, within } = policy.replacements;
  const lately = store.replaced(after.id).filter((each) => each > time.now() - within);
  if (lately.length > max) {
    broken(`${after.id} was replaced ${lately.length} times in ${within} ms`);
  }
}

/** Every second. */
export function judgeRented(world: Watched, machine: Machine): void {
  const { computers, isCalm, isTruthful, policyOf, time } = world;
  const policy = policyOf(machine);
  if (!policy.creates) return;
  const { place } = machine;
  const nowMs = time.elapsedMs();
  const computer = computers.of(machine.id);
  const power = computers.truth(machine.id);

  const refused = computers.refusedLast(machine.id);
  const isAsking = (place.at === "creating" || place.at === "waking") && refused !== undefined &&
    refused.atMs >= nowMs - (time.now() - place.askedAt);
  const waitsInVain = isAsking && WALKED_PAST.has(refused.kind) &&
    power !== "on" && power !== "rising" && !machine.retired;
  const allowedMs = isCalm ? SPILL_MS_MAX : NOBODY_LOOKS_MS_MAX + policy.reask;
  if (waitsInVain && nowMs - refused.atMs > allowedMs) {
    broken(`${machine.id} still waits ${nowMs - refused.atMs} ms after ${refused.kind}`);
  }

  const isLost = power === "off" || power === "broken" || power === "gone";
  const liesMs = isTruthful ? 0 : LIES_MS_MAX;
  const seenMs = (isCalm ? SEEN_MS_MAX : NOBODY_LOOKS_MS_MAX) + liesMs;
  judgeSpan(world, `${machine.id} serves, lost,`, place.at === "ready" && isLost, seenMs);

  const isOld = policy.ageMax !== null && computer !== undefined &&
    time.now() - computer.rentedAtMs > policy.ageMax;
  const stands = (place.at === "ready" && power === "on") ||
    (place.at === "asleep" && power === "off") || (place.at === "napping" && power === "on");
  const sweptMs = (isCalm ? SWEPT_MS_MAX : NOBODY_LOOKS_MS_MAX) + liesMs;
  judgeSpan(world, `${machine.id} old`, isOld && stands, sweptMs);
  const drains = place.at === "draining" && place.then === "replace" && power === "on";
  judgeSpan(world, `${machine.id} drains`, drains, policy.drain + sweptMs);
}

/** What may last for a while, and no longer. */
function judgeSpan({ time, wellMs }: Watched, law: string, lasts: boolean, msMax: number): void {
  const nowMs = time.elapsedMs();
  if (!lasts) wellMs.set(law, nowMs);
  const sinceMs = nowMs - (wellMs.get(law) ?? nowMs);
  if (sinceMs > msMax) broken(`${law} for ${Math.round(sinceMs / 1_000)} s`);
}
