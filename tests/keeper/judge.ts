/** The laws of the fleet, as the simulation checks them at every act, every move, every second and at the end. */
import type { Act } from "@/lib/fleet/decide.ts";
import type { Move } from "@/lib/fleet/machine_store.ts";
import { isAtRest } from "@/lib/fleet/machine_store.ts";
import type { Machine } from "@/lib/fleet/place.ts";
import { isFixed, type TierPolicy } from "@/lib/fleet/policy.ts";
import type { Computers } from "./computers.ts";
import type { Told } from "./keeper_process.ts";
import { broken } from "./laws.ts";
import type { MemoryStore } from "./memory_store.ts";
import type { Requests } from "./requests.ts";
import { FAULTS_MS } from "./scenario.ts";
import type { VirtualTime } from "./virtual_time.ts";

/** What the judge may look at: everything. */
export type Watched = {
  readonly time: VirtualTime;
  readonly store: MemoryStore;
  readonly computers: Computers;
  readonly requests: Requests;
  readonly acts: Set<string>;
  readonly lastWantedMs: ReadonlyMap<string, number>;
  /** When each machine's effect last showed a sign, or was not waited for. */
  readonly hopefulMs: Map<string, number>;
  /** When a machine last was as it should be, for the laws of rented computers; by machine and law. */
  readonly wellMs: Map<string, number>;
  /** Keepers neither die nor pause nor lose their store in this run. */
  readonly isCalm: boolean;
  /** The provider always answers, and tells the truth. */
  readonly isTruthful: boolean;
  readonly policyOf: (machine: Machine) => TierPolicy;
};

/** The keeper that swept a minute may die of it, or pause, and the next one too; then the third sweep comes. */
export const NOBODY_LOOKS_MS_MAX = 180_000;
/** Lost stops are asked again, several times over. */
const LOST_CALLS_MS_MAX = 120_000;

/** At the moment a keeper calls a provider or an engine. */
export function judgeAct(
  { acts, computers, policyOf, store }: Watched,
  told: Told,
  act: Act,
  machineId: string,
  generation: number | null,
): void {
  const machine = store.machines.get(machineId);
  const last = store.journal.findLast((entry) => entry.machineId === machineId);
  if (machine === undefined || last === undefined) {
    return broken(`${act} of a machine that never moved`);
  }
  if (last.move.act !== act) broken(`${act} was called, but ${last.move.act} was written`);
  if (generation !== null && generation !== machine.generation) {
    broken(`${act} of generation ${generation}, but the machine is at ${machine.generation}`);
  }
  const step = `${machineId} ${machine.generation}`;
  if (acts.has(step)) broken(`generation ${step} was acted on twice`);
  acts.add(step);
  const ends = act === "stop" || act === "destroy" || act === "nap";
  if (!ends || store.openRows(machineId) === 0) return;
  const isEnding = last.from.at === "stopping" || last.from.at === "destroying";
  if (hadItsTime(store, machineId, policyOf(machine))) return;
  const isLost = saysPowerless(told);
  if (!isEnding && !isLost && computers.truth(machineId) === "on") {
    broken(`${act} of ${machineId} under ${store.openRows(machineId)} open rows`);
  }
}

/** When a move is written: could the keeper answer for it with what it was told? */
export function judgeMove(
  { policyOf, store }: Watched,
  told: Told,
  before: Machine,
  after: Machine,
  { act, because, wake }: Move,
): void {
  const policy = policyOf(after);
  const { place } = after;
  const step = `${before.place.at} → ${place.at} (${because})`;
  const { demand } = told;
  if (demand === null) return broken(`${step} without asking who wants it`);

  const saysOff = saysPowerless(told);
  if (isAtRest(place.at) && before.place.at !== "absent" && !isFixed(policy) && !saysOff) {
    broken(`${step}, but its power was told to be ${told.power}`);
  }
  if ((act === "start" || act === "create") && !saysOff) {
    broken(`${step}, but its power was told to be ${told.power}`);
  }
  if (place.at === "draining" && place.then !== "replace" && !place.sick && !after.retired) {
    if (demand.openRows > 0) broken(`${step} with ${demand.openRows} open rows`);
    const quietMs = Math.min(policy.idle, policy.nap?.after ?? policy.idle);
    const agoMs = after.placeSince - (demand.lastUsedAt ?? 0);
    if (agoMs < quietMs) broken(`${step}, but it was used ${agoMs} ms ago`);
  }
  const isOld = before.place.at === "draining" && before.place.then === "replace";
  if (before.place.at === "draining" && !isOld && act !== null && act !== "rouse") {
    const mayServe = told.engine === "healthy" && !before.place.sick && !after.retired;
    if (mayServe && demand.wake !== null) broken(`${step}, but somebody waits for it`);
  }
  const isFailing = place.at === "failed" ||
    ((place.at === "stopping" || place.at === "destroying") && place.failing);
  if (isFailing && after.failures >= policy.attempts && wake?.outcome !== "failed") {
    const waits = store.openWake(after.tier)?.machineId === after.id;
    if (waits && before.place.at !== place.at) broken(`${step}, and who waits for it is not told`);
  }
  const isWalkedPast = "why" in place && place.why !== undefined;
  if (
    wake?.outcome === "failed" && after.failures < policy.attempts && !isFixed(policy) &&
    !isWalkedPast
  ) {
    broken(`${step}, but ${policy.attempts - after.failures} attempts remain`);
  }
}

export function saysPowerless({ power }: Told): boolean {
  return power === "off" || power === "gone" || power === "broken";
}

/** An old computer that drained for as long as it may. */
function hadItsTime(store: MemoryStore, machineId: string, { drain }: TierPolicy): boolean {
  const [drained, ended] = store.journal.filter((entry) => entry.machineId === machineId).slice(-2);
  if (drained === undefined || ended === undefined) return false;
  const { to } = drained.move;
  return to.at === "draining" && to.then === "replace" && ended.at - drained.at >= drain;
}

/** Every second: is anything waited for in vain, or paid for nobody? */
export function judgeWaiting(
  { computers, hopefulMs, lastWantedMs, policyOf, time }: Watched,
  machine: Machine,
): void {
  const policy = policyOf(machine);
  const { place } = machine;
  const power = computers.truth(machine.id);
  const inVain = (place.at === "waking" && power === "off") ||
    (place.at === "creating" && power === "gone") ||
    (place.at === "stopping" && power === "on") ||
    (place.at === "destroying" && (power === "on" || power === "off"));
  if (!inVain) hopefulMs.set(machine.id, time.elapsedMs());
  const vainMs = time.elapsedMs() - Math.max(
    hopefulMs.get(machine.id) ?? 0,
    "askedAt" in place ? time.elapsedMs() - (time.now() - place.askedAt) : 0,
  );
  if (inVain && vainMs > policy.reask + NOBODY_LOOKS_MS_MAX) {
    broken(`${machine.id} ${place.at} was asked for once and waited for in vain`);
  }
  if (isFixed(policy) || (power !== "on" && power !== "rising")) return;
  const unwantedMs = time.elapsedMs() - (lastWantedMs.get(machine.id) ?? 0);
  const allowedMs = policy.power + policy.load + policy.idle + NOBODY_LOOKS_MS_MAX +
    LOST_CALLS_MS_MAX;
  if (unwantedMs > allowedMs) {
    broken(`${machine.id} ran for nobody for ${Math.round(unwantedMs / 1_000)} s, ${place.at}`);
  }
}

/** Once the faults are long over. */
export function judgeEnd({ computers, policyOf, requests, store, time }: Watched): void {
  const report = () =>
    [...store.machines.values()].map((machine) =>
      `${machine.id} ${JSON.stringify(machine.place)} power ${computers.truth(machine.id)}`
    ).join("; ");
  if (requests.open > 0) {
    const sinceS = (time.elapsedMs() - FAULTS_MS) / 1_000;
    broken(`${requests.open} requests unserved ${sinceS} s after the faults ended: ${report()}`);
  }
  if (store.rows.size > 0) broken(`${store.rows.size} rows are open at the end`);
  for (const wake of store.wakes) {
    if (wake.outcome === null) broken(`${wake.id} is open at the end`);
  }
  for (const machine of store.machines.values()) {
    const policy = policyOf(machine);
    const power = computers.truth(machine.id);
    const { at } = machine.place;
    if (policy.alwaysReady && !machine.retired) {
      if (at !== "ready") broken(`${machine.id} is not ready at the end: ${report()}`);
    } else if (!isAtRest(at)) broken(`${machine.id} does not rest at the end: ${report()}`);
    else if (!isFixed(policy) && (power === "on" || power === "rising")) {
      broken(`${machine.id} runs unseen at the end: ${report()}`);
    }
  }
  if (new Set([...computers.all].map((each) => each.machineId)).size !== computers.all.size) {
    broken("a machine has two computers");
  }
  replay(store);
}

/** The journal alone tells where every machine is, one move per generation. */
function replay(store: MemoryStore): void {
  for (const machine of store.machines.values()) {
    const moves = store.journal.filter((entry) => entry.machineId === machine.id);
    moves.forEach((entry, i) => {
      if (entry.generation !== i + 1) broken(`${machine.id} has a gap before ${entry.generation}`);
      const from = moves[i - 1]?.move.to;
      if (from !== undefined && JSON.stringify(from) !== JSON.stringify(entry.from)) {
        broken(`${machine.id} moved from where it was not, at ${entry.generation}`);
      }
    });
    const last = moves.at(-1);
    if (last !== undefined && JSON.stringify(last.move.to) !== JSON.stringify(machine.place)) {
      broken(`the journal of ${machine.id} ends elsewhere`);
    }
  }
}
