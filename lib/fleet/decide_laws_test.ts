import assert from "node:assert/strict";
import type { EngineHealth } from "@/lib/engine/engine.ts";
import type { Power } from "@/lib/providers/provider.ts";
import { decide, type Decision, type Sight } from "./decide.ts";
import type { Instant } from "@/lib/kernel/clock.ts";
import { ago, ahead, machineAt, NOW, POLICIES, POLICY, sightOf } from "./decide_testing.ts";
import { type Machine, MOVES, type Place, type PlaceName } from "./place.ts";
import { isFixed, type TierPolicy } from "./policy.ts";

const POWERS: readonly Power[] = ["off", "rising", "on", "falling", "broken", "gone", "unknown"];
const ENGINES: readonly EngineHealth[] = ["healthy", "asleep", "dead", "unreachable"];
const LONG = POLICY.idle * 2;

/** Every place on both sides of each of its times. */
const PLACES: readonly Place[] = [
  { at: "absent" },
  { at: "asleep" },
  ...[ahead(1), NOW].flatMap((deadline) =>
    [NOW, ago(POLICY.reask)].flatMap((askedAt): Place[] => [
      { at: "creating", deadline, askedAt },
      { at: "waking", deadline, askedAt },
      { at: "waking", deadline, askedAt, isRising: true },
      { at: "waking", deadline, askedAt, notBefore: ahead(1) },
      ...[true, false].flatMap((flag): Place[] => [
        { at: "loading", deadline, rousing: flag, askedAt },
        { at: "stopping", deadline, askedAt, failing: flag },
        { at: "destroying", deadline, askedAt, failing: flag },
        { at: "stopping", deadline, askedAt, failing: flag, notBefore: ahead(1) },
        { at: "stopping", deadline, askedAt, failing: flag, why: "preempted", retryAt: ahead(1) },
      ]),
    ])
  ),
  ...[NOW, ago(POLICY.nap?.after ?? 0), ago(LONG)].flatMap((since) =>
    [null, NOW, ago(POLICY.sick)].flatMap((sickSince): Place[] => [
      { at: "ready", since, sickSince },
      { at: "napping", since, askedAt: since, sickSince },
    ])
  ),
  ...(["nap", "stop", "replace"] as const).flatMap((then) =>
    [true, false].map((sick): Place => ({ at: "draining", then, sick }))
  ),
  { at: "failed", retryAt: ahead(1) },
  { at: "failed", retryAt: NOW },
  { at: "failed", retryAt: NOW, why: "broken" },
];

/** Computers as they are, past their age, past it and drained for long, or replaced often; halted ones. */
const LIVES: readonly { sight: Partial<Sight>; placeSince: Instant }[] = [
  { sight: {}, placeSince: NOW },
  { sight: { rentedAt: ago(POLICIES.hibernating.ageMax) }, placeSince: NOW },
  { sight: { rentedAt: ago(POLICIES.hibernating.ageMax) }, placeSince: ago(POLICY.drain) },
  { sight: { replacedAt: [ago(2), ago(1)] }, placeSince: NOW },
  { sight: { isHalted: true }, placeSince: NOW },
];

type Sample = { machine: Machine; sight: Sight; policy: TierPolicy };
type Move = Extract<Decision, { kind: "move" }>;

/** Places that a provider of such abilities never gets a machine into. */
function isOutOfReach(place: Place, { creates, starts }: TierPolicy): boolean {
  const { at } = place;
  if (at === "draining" && place.then === "replace") return !creates;
  if (at === "waking" && place.isRising === true && !creates) return true;
  if (at === "creating" || at === "destroying") return !creates;
  return (at === "waking" || at === "stopping") && !starts;
}

function* everySample(): Generator<Sample> {
  for (const policy of Object.values(POLICIES)) {
    for (const place of PLACES) {
      if (isOutOfReach(place, policy)) continue;
      for (const failures of [0, 1, 2]) {
        for (const retired of [false, true]) {
          const machine = machineAt(place, { failures, retired });
          for (const power of POWERS) {
            for (const engine of ENGINES) {
              for (const waiting of [false, true]) {
                for (const openRows of [0, 2]) {
                  const seen = { power, engine, waiting, openRows };
                  yield* livesOf({ machine, policy, sight: sightOf(seen) });
                }
              }
            }
          }
        }
      }
    }
  }
}

/** Only rented computers grow old, break, are replaced, or halt. */
function* livesOf({ machine, policy, sight }: Sample): Generator<Sample> {
  for (const { sight: seen, placeSince } of policy.creates ? LIVES : LIVES.slice(0, 1)) {
    if (seen.isHalted === true && sight.power !== "on") continue;
    yield { machine: { ...machine, placeSince }, policy, sight: { ...sight, ...seen } };
  }
}

/** Checks a law against the decision of every sample. */
function everyMove(law: (move: Move, sample: Sample) => boolean): void {
  let moves = 0;
  for (const sample of everySample()) {
    const decision = decide(sample.machine, sample.sight, sample.policy, NOW);
    if (decision.kind === "stay") continue;
    moves++;
    if (!law(decision, sample)) assert.fail(JSON.stringify({ ...sample, decision }, null, 1));
  }
  assert.ok(moves > 10_000, `${moves} moves were checked`);
}

const isOver = ({ place }: Machine) => "deadline" in place && place.deadline <= NOW;
const isOff = ({ power, isHalted }: Sight) =>
  power === "off" || power === "gone" || power === "broken" || isHalted === true;
const hadItsTime = ({ machine, policy }: Sample) =>
  machine.place.at === "draining" && machine.place.then === "replace" &&
  machine.placeSince <= NOW - policy.drain;
const isEnding = ({ place }: Machine) => place.at === "stopping" || place.at === "destroying";

Deno.test("decide() makes only the moves of the table, and every move of the table", () => {
  const used = new Map<PlaceName, Set<PlaceName>>();
  everyMove(({ to }, { machine: { place } }) => {
    const targets = used.get(place.at) ?? new Set();
    used.set(place.at, targets.add(to.at));
    return (MOVES[place.at] as readonly PlaceName[]).includes(to.at);
  });
  for (const [from, targets] of Object.entries(MOVES)) {
    const made = [...used.get(from as PlaceName) ?? []].sort();
    assert.deepEqual(made, [...targets].sort(), `the moves from ${from}`);
  }
});

Deno.test("decide() pairs every act with the place that waits for its effect", () => {
  const places = {
    create: "creating",
    start: "waking",
    stop: "stopping",
    destroy: "destroying",
    nap: "napping",
    rouse: "loading",
  } as const;
  everyMove(({ act, to }) => act === null || places[act] === to.at);
});

Deno.test("decide() ends nothing that has power under an open row", () => {
  everyMove(({ act, evenUnderRows }, sample) => {
    const { machine, sight } = sample;
    if (evenUnderRows === true) return hadItsTime(sample) && act === "destroy";
    return (act !== "stop" && act !== "destroy" && act !== "nap") || sight.openRows === 0 ||
      isOff(sight) || isEnding(machine);
  });
});

Deno.test("decide() starts nothing, loses nothing and ends nothing on an unknown power, but at a deadline", () => {
  everyMove(({ act, to }, { machine, sight }) => {
    if (sight.power !== "unknown") return true;
    if (act === "create" || act === "start" || to.at === "asleep" || to.at === "absent") {
      return false;
    }
    return isOver(machine) || (act !== "stop" && act !== "destroy" && to.at !== "failed");
  });
});

Deno.test("decide() starts only what is wanted, and never what the lineup dropped", () => {
  everyMove(({ act }, { machine, sight, policy }) => {
    if (act !== "create" && act !== "start" && act !== "rouse") return true;
    if (machine.retired) return false;
    const underWay = ["creating", "waking", "loading", "ready"].includes(machine.place.at);
    return underWay || sight.waiting || policy.alwaysReady;
  });
});

Deno.test("decide() asks a provider only for what it can do", () => {
  everyMove(({ act }, { policy }) => {
    if (act === "create" || act === "destroy") return policy.creates;
    if (act === "start") return policy.starts;
    return act !== "stop" || policy.starts;
  });
});

Deno.test("decide() serves only with a healthy engine, and ends the wake then", () => {
  everyMove(({ to, wake }, { machine, sight }) => {
    if (machine.place.at === "ready" && to.at === "ready" && wake === null) return true;
    return (to.at === "ready") === (wake?.outcome === "served") &&
      (wake?.outcome !== "served" || sight.engine === "healthy");
  });
});

Deno.test("decide() fails a wake only when the attempts are spent", () => {
  everyMove(({ failures, to, wake }, { machine, policy }) => {
    if (wake?.outcome !== "failed" || failures >= policy.attempts || isFixed(policy)) return true;
    // A tier that is walked past was not tried in vain.
    const why = "why" in to ? to.why : undefined;
    return why !== undefined || ("why" in machine.place && machine.place.why !== undefined);
  });
});

Deno.test("decide() tells a failed wake no later time than its machine's own, once that rests", () => {
  let told = 0;
  everyMove(({ failures, to, wake }, { machine, sight, policy }) => {
    if (wake?.outcome !== "failed") return true;
    const { retryAt } = wake;
    if (to.at === "failed") return retryAt === to.retryAt;
    const rests = { ...machine, place: to, failures };
    const gone = { ...sight, power: "gone", openRows: 0 } as const;
    const next = decide(rests, gone, policy, NOW);
    if (next.kind === "stay" || next.to.at !== "failed") return retryAt === null;
    told++;
    return retryAt === next.to.retryAt;
  });
  assert.ok(told > 0);
});

Deno.test("decide() counts failures one by one, and forgives them only by serving", () => {
  everyMove(({ failures, to }, { machine }) =>
    failures === machine.failures || failures === machine.failures + 1 ||
    (failures === 0 && to.at === "ready")
  );
});

Deno.test("decide() settles: what it sees unchanged moves a machine at most six times", () => {
  for (const { machine, sight, policy } of everySample()) {
    let at = machine;
    let seen = sight;
    let steps = 0;
    for (; steps <= 6; steps++) {
      const decision = decide(at, seen, policy, NOW);
      if (decision.kind === "stay") break;
      at = { ...at, place: decision.to, failures: decision.failures };
      if (decision.wake !== null) seen = { ...seen, waiting: false };
    }
    if (steps > 6) assert.fail(JSON.stringify({ machine, sight, policy, at }, null, 1));
  }
});

Deno.test("decide() starts no old computer that is at rest", () => {
  everyMove(({ act }, { machine: { place }, policy, sight: { power, rentedAt } }) => {
    const isOld = policy.ageMax !== null && rentedAt !== undefined &&
      rentedAt <= NOW - policy.ageMax;
    const rests = place.at === "asleep" || place.at === "failed" || place.at === "absent";
    return !isOld || !rests || act !== "start" || power === "gone";
  });
});

Deno.test("decide() ends a broken computer no more often than its policy lets it", () => {
  everyMove(({ because }, { policy, sight }) =>
    !because.startsWith("replaced:") || sight.replacedAt.length < policy.replacements.max
  );
});

Deno.test("decide() asks nothing again that the provider wants to be asked later", () => {
  everyMove(({ act }, { machine: { place } }) => {
    const isPutOff = "notBefore" in place && place.notBefore !== undefined && place.notBefore > NOW;
    return !isPutOff || (act !== "start" && act !== "create") || place.deadline <= NOW ||
      ("isRising" in place && place.isRising === true);
  });
});
