/** Looks at machines and moves them: claim, look, decide, write the intent, act, journal. */
import { assert, unreachable } from "@/lib/kernel/assert.ts";
import { type Clock, type Instant, type Millis, millis, seconds } from "@/lib/kernel/clock.ts";
import { newId } from "@/lib/kernel/ids.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { Engine } from "@/lib/engine/engine.ts";
import type { Providers } from "@/lib/providers/provider.ts";
import { carryOut } from "./act.ts";
import { LOOK_EVERY_MIN, nextLook } from "./cadence.ts";
import { type Act, decide, type Decision } from "./decide.ts";
import { decideRefused } from "./decide_refused.ts";
import { asError, kindOf } from "./failure.ts";
import { holdLease, type Lease } from "./lease.ts";
import type { Claim, MachineStore, MoveOutcome } from "./machine_store.ts";
import { type Machine, mayMove } from "./place.ts";
import type { TierPolicy } from "./policy.ts";
import type { Refusal } from "./refusal.ts";
import { gather, type Gathered } from "./sight.ts";
import { isPowerless } from "./step.ts";

export type KeeperDeps = {
  readonly clock: Clock;
  readonly store: MachineStore;
  readonly providers: Providers;
  readonly engine: Engine;
  readonly policyOf: (machine: Machine) => TierPolicy;
  readonly deploymentId: string;
  readonly log: Log;
  readonly metrics?: KeeperMetrics;
  /** Told after a move is written, before its effect. */
  readonly onMoved?: (machine: Machine, because: string) => void;
};

/** What the keeper counts. */
export type KeeperMetrics = {
  looked(tookMs: number): void;
  lookFailed(): void;
  moved(tier: string, from: Machine["place"]["at"], to: Machine["place"]["at"]): void;
  acted(act: string, outcome: MoveOutcome, tookMs: number): void;
  refused(tier: string, kind: Refusal["kind"]): void;
};

export type LookAnswer = {
  /** When the machine wants the next look; null: only a request, the lineup or the minute's sweep brings one. */
  readonly againIn: Millis | null;
};

export type Keeper = {
  /** Looks at one machine and takes at most one step with it. Never rejects. */
  look(machineId: string): Promise<LookAnswer>;
  /** Looks at every machine that has a reason; answers those that want another look, and when. Never rejects. */
  lookAll(): Promise<readonly { readonly machineId: string; readonly againIn: Millis }[]>;
};

/** A lease outlives a pause this long; it is renewed at a third of it. */
const LEASE = seconds(15);
/** How long until a machine that another keeper holds is tried again. */
const AGAIN_HELD = millis(500);
const AGAIN_AFTER_ERROR = seconds(2);
/** A machine is looked at this often at least while it wants looks, whatever its provider's limits. */
const LEFT_ALONE_MAX = seconds(60);
const LOOKS_AT_ONCE = 16;

/** A keeper over its collaborators. It remembers nothing between looks. */
export function createKeeper(deps: KeeperDeps): Keeper {
  return { look: (machineId) => look(deps, machineId), lookAll: () => lookAll(deps) };
}

async function look(deps: KeeperDeps, machineId: string): Promise<LookAnswer> {
  const startedMs = deps.clock.elapsedMs();
  try {
    const answer = await deps.store.claim(machineId, LEASE);
    switch (answer.kind) {
      case "missing":
        return { againIn: null };
      case "held":
        return { againIn: AGAIN_HELD };
      case "claimed":
        break;
      default:
        return unreachable(answer);
    }
    const lease = holdLease(deps, answer.claim, LEASE);
    try {
      const { againIn, leaveFor } = await keep(deps, answer.claim, lease);
      return { againIn: putOff(againIn, leaveFor) };
    } finally {
      await lease.release();
    }
  } catch (error) {
    const fields = { machineId, kind: kindOf(error), error: asError(error) };
    deps.log.warn("keeper.look_failed", fields);
    deps.metrics?.lookFailed();
    return { againIn: AGAIN_AFTER_ERROR };
  } finally {
    deps.metrics?.looked(deps.clock.elapsedMs() - startedMs);
  }
}

type Kept = LookAnswer & Pick<Gathered, "leaveFor">;

/** One look and at most one step. Answers when to look again. */
async function keep(deps: KeeperDeps, claimed: Claim, lease: Lease): Promise<Kept> {
  const { clock, store } = deps;
  const policy = deps.policyOf(claimed.machine);
  const seen = await gather(deps, claimed.machine, policy, clock.now(), lease.signal);
  const claim: Claim = { ...claimed, machine: seen.machine };
  const { leaveFor } = seen;
  if (!await learn(store, claimed.machine, claim)) return { againIn: AGAIN_HELD, leaveFor };
  const now = clock.now();
  await stamp(deps, seen, now);

  const decision = decide(claim.machine, seen.sight, policy, now);
  const againIn = decision.kind === "stay"
    ? nextLook(claim.machine, seen.sight, policy, now)
    : await take(deps, claim, decision, seen, policy, lease, now);
  return { againIn, leaveFor };
}

/** A provider that is asked too often is not asked the sooner for it. */
function putOff(againIn: Millis | null, leaveFor: Millis | null): Millis | null {
  if (againIn === null || leaveFor === null) return againIn;
  return millis(Math.max(againIn, Math.min(leaveFor, LEFT_ALONE_MAX)));
}

/** Takes a step that was decided: written, carried out, and what came of it journalled. Answers when to look again. */
async function take(
  deps: KeeperDeps,
  claim: Claim,
  decision: Extract<Decision, { kind: "move" }>,
  seen: Gathered,
  policy: TierPolicy,
  lease: Lease,
  now: Instant,
): Promise<Millis | null> {
  const { clock, store } = deps;
  const moved = await write(deps, claim, decision, seen, now);
  // Another keeper moved first, or a request came in; what holds now is seen at the next look.
  if (moved === null) return AGAIN_HELD;
  if (decision.act === null) return soonAfter(moved, seen, policy, now);

  const acted = await carryOut(deps, moved.claim, decision.act, policy, lease);
  const doneAt = clock.now();
  await store.outcome(moved.claim, moved.moveId, acted.outcome, acted.detail, doneAt);
  deps.metrics?.acted(decision.act, acted.outcome, doneAt - now);
  const { machine, refusal } = acted;
  if (refusal !== null) {
    deps.metrics?.refused(machine.tier, refusal.kind);
    const refused = { act: decision.act, refusal };
    const answer = decideRefused(machine, refused, seen.sight, policy, doneAt);
    // At most once more: what follows a refusal is no start.
    if (answer.kind === "move") {
      return await take(deps, { ...moved.claim, machine }, answer, seen, policy, lease, doneAt);
    }
  }
  return nextLook(machine, seen.sight, policy, doneAt);
}

type Moved = { readonly claim: Claim; readonly moveId: string };

/** Writes the intent. After a crash the next look finds it, and the provider is shown the same generation. */
async function write(
  deps: KeeperDeps,
  claim: Claim,
  decision: Extract<Decision, { kind: "move" }>,
  seen: Gathered,
  now: Instant,
): Promise<Moved | null> {
  const { machine } = claim;
  const { to, act, because, failures, wake } = decision;
  assert(mayMove(machine.place.at, to.at), `no move from ${machine.place.at} to ${to.at}`);
  const { power } = seen.sight;
  const moveId = newId("opr", now);
  const after = await deps.store.move(claim, {
    id: moveId,
    to,
    act,
    because,
    failures,
    wake,
    // One that was named since we looked is not the one that was gone.
    forget: power === "gone" && machine.externalId === seen.machine.externalId,
    unlessRows: endsService(act) && decision.evenUnderRows !== true && !isPowerless(seen.sight) &&
      !isEnding(machine),
  }, now);
  const fields = { machineId: machine.id, tier: machine.tier, from: machine.place.at, to: to.at };
  if (after === null) {
    deps.log.debug("keeper.move_refused", { ...fields, because });
    return null;
  }
  deps.log.info("keeper.moved", { ...fields, act, because, generation: after.generation });
  deps.metrics?.moved(machine.tier, machine.place.at, to.at);
  deps.onMoved?.(after, because);
  if (seen.wake !== null && (act === "create" || act === "start" || act === "rouse")) {
    await deps.store.stampWake(seen.wake.id, ["powerAsked"], now);
  }
  return { claim: { ...claim, machine: after }, moveId };
}

/** What the provider said of name and address is kept before anything is decided on it. */
async function learn(store: MachineStore, before: Machine, claim: Claim): Promise<boolean> {
  const { externalId, baseUrl } = claim.machine;
  if (externalId === before.externalId && baseUrl === before.baseUrl) return true;
  return await store.setAddress(claim, { externalId, baseUrl });
}

async function stamp({ store }: KeeperDeps, seen: Gathered, now: Instant): Promise<void> {
  if (seen.wake === null || seen.newPhases.length === 0) return;
  await store.stampWake(seen.wake.id, seen.newPhases, now);
}

/** A move without an effect is often followed by another at once. */
function soonAfter(
  { claim }: Moved,
  { sight }: Gathered,
  policy: TierPolicy,
  now: Instant,
): Millis | null {
  const next = nextLook(claim.machine, sight, policy, now);
  const settled = claim.machine.place.at === "ready" || next === null;
  return settled ? next : LOOK_EVERY_MIN;
}

function endsService(act: Act | null): boolean {
  return act === "stop" || act === "destroy" || act === "nap";
}

/** Its end was asked for before; asking again ends nothing new. */
function isEnding({ place }: Machine): boolean {
  return place.at === "stopping" || place.at === "destroying";
}

async function lookAll(deps: KeeperDeps) {
  const again: { machineId: string; againIn: Millis }[] = [];
  try {
    const waiting = [...await deps.store.due(deps.clock.now())];
    const worker = async () => {
      for (let machineId = waiting.shift(); machineId !== undefined; machineId = waiting.shift()) {
        const { againIn } = await look(deps, machineId);
        if (againIn !== null) again.push({ machineId, againIn });
      }
    };
    await Promise.all(Array.from({ length: LOOKS_AT_ONCE }, worker));
  } catch (error) {
    deps.log.warn("keeper.sweep_failed", { kind: kindOf(error), error: asError(error) });
  }
  return again;
}
