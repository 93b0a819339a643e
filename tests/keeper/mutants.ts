/**
 * Deliberate faults in the keeper, each a bug that someone could make. The simulation must find every one of them; a
 * fault it does not find is a law it does not check.
 */

export type Mutant = {
  readonly name: string;
  /** The real bug it stands for, and what it costs. */
  readonly standsFor: string;
  readonly edits: readonly { readonly file: string; readonly find: string; readonly put: string }[];
};

export const MUTANTS: readonly Mutant[] = [
  {
    name: "stops under open rows",
    standsFor:
      "a stop that forgets to ask for running requests cuts off every stream on the machine",
    edits: [
      {
        file: "step.ts",
        find: "  if (sight.openRows > 0 && !isPowerless(sight)) return STAY;\n",
        put: "",
      },
      {
        file: "decide_serving.ts",
        find: 'if (sight.openRows > 0 || sight.power === "unknown") return STAY;',
        put: 'if (sight.power === "unknown") return STAY;',
      },
      { file: "keeper.ts", find: "unlessRows: endsService(act) &&", put: "unlessRows: false &&" },
    ],
  },
  {
    name: "acts before it writes",
    standsFor:
      "an effect whose intent is not written is repeated, or contradicted, by the next keeper",
    edits: [{
      file: "keeper.ts",
      find: "  const moved = await write(deps, claim, decision, seen, now);\n",
      put:
        "  if (decision.act !== null) await carryOut(deps, claim, decision.act, policy, lease);\n" +
        "  const moved = await write(deps, claim, decision, seen, now);\n",
    }],
  },
  {
    name: "acts though its move was refused",
    standsFor:
      "a keeper that lost the race for a generation acts on a decision that does not stand",
    edits: [{
      file: "keeper.ts",
      find: "  if (moved === null) return AGAIN_HELD;\n",
      put: "  if (moved === null) {\n" +
        "    if (decision.act !== null) {\n      const held = { ...lease, check: () => Promise.resolve(true) };\n" +
        "      await carryOut(deps, claim, decision.act, policy, held);\n    }\n" +
        "    return AGAIN_HELD;\n  }\n",
    }],
  },
  {
    name: "does not check its lease before it acts",
    standsFor:
      "a process that was paused longer than its lease wakes up and stops a machine that serves by now",
    edits: [{
      file: "act.ts",
      find: "if (!await lease.check()) {",
      put: "if (Math.random() < 0) {",
    }, {
      file: "act.ts",
      find: "      lease.signal,\n",
      put: "      new AbortController().signal,\n",
    }],
  },
  {
    name: "never asks again for a start",
    standsFor:
      "a start whose call was lost is waited for until the deadline, and the request with it",
    edits: [{
      file: "decide_warming.ts",
      find: "if (isOff && reached(askAgainAt(place, policy), now)) {",
      put: "if (isOff && now < 0) {",
    }],
  },
  {
    name: "never asks again for a stop",
    standsFor:
      "a stop whose call was lost: the machine runs, and is billed, until somebody notices",
    edits: [{
      file: "decide_cooling.ts",
      find: "  if (reached(place.deadline, now)) {",
      put: "  if (now < 0) {",
    }, {
      file: "decide_cooling.ts",
      find: "  if (!noSign) return STAY;\n",
      put: "  if (!noSign || now > 0) return STAY;\n",
    }],
  },
  {
    name: "takes no answer for off",
    standsFor:
      "a provider's outage makes every machine look stopped, and starts or forgets them all",
    edits: [{
      file: "sight.ts",
      find: 'const power = status?.power ?? "unknown";',
      put: 'const power = status?.power ?? "off";',
    }],
  },
  {
    name: "a drain ignores a new wake",
    standsFor: "who comes just as a machine drains waits for a whole stop and start",
    edits: [{
      file: "decide_serving.ts",
      find: 'if (sight.engine === "healthy" && wanted) return serve(facts, "it is wanted again");',
      put: "",
    }],
  },
  {
    name: "never ends a failed wake",
    standsFor: "requests wait out their whole time for a machine that was given up",
    edits: [{
      file: "step.ts",
      find: 'wake: failures >= facts.policy.attempts ? "failed" : null,',
      put: "wake: null,",
    }],
  },
  {
    name: "counts the quiet time from its own memory",
    standsFor:
      "a request that came and went between two looks is not noticed: a busy machine is stopped",
    edits: [{
      file: "decide_serving.ts",
      find: "instant(Math.max(place.since, sight.lastUsedAt ?? 0))",
      put: "place.since",
    }],
  },
  {
    name: "calls a machine that runs a request quiet",
    standsFor: "a long generation counts as idle time",
    edits: [{
      file: "decide_serving.ts",
      find: "if (sight.openRows > 0 || sight.waiting) return null;",
      put: "",
    }],
  },
  {
    name: "lets a machine run that should sleep",
    standsFor:
      "a start that took effect late is never noticed: a computer runs for nobody until the invoice",
    edits: [{
      file: "decide_resting.ts",
      find: 'return isFixed(policy) ? STAY : cool(facts, "power is on, and nobody wants it");',
      put: "return STAY;",
    }],
  },
  {
    name: "never gives up a dead engine",
    standsFor: "a machine whose engine died keeps its place in the lineup and fails every request",
    edits: [{
      file: "decide_serving.ts",
      find:
        "if (!reached(later(place.sickSince, policy.sick), now)) return STAY;\n      return drain",
      put: "if (now > 0) return STAY;\n      return drain",
    }],
  },
  {
    name: "fails a wake at the first failed start",
    standsFor:
      "one lost spot machine fails everyone who waits, though another attempt would serve them",
    edits: [{
      file: "step.ts",
      find: 'wake: failures >= facts.policy.attempts ? "failed" : null,',
      put: 'wake: "failed",',
    }],
  },
  {
    name: "serves from a loading engine",
    standsFor: "power on is taken for ready, and requests are sent to a port that nobody answers",
    edits: [{
      file: "decide_warming.ts",
      find: '    case "dead":\n    case "unreachable":\n      break;',
      put: '    case "dead":\n    case "unreachable":\n      return serve(facts, "power is on");',
    }],
  },
  {
    name: "takes a refusal for silence",
    standsFor:
      "who waits for a tier without stock sits out every attempt before the next tier is tried",
    edits: [{
      file: "keeper.ts",
      find: "  if (refusal !== null) {\n",
      put: "  if (refusal !== null && now < 0) {\n",
    }],
  },
  {
    name: "asks again for what there is none of",
    standsFor: "every request of an hour without stock asks the provider, and waits for its no",
    edits: [{
      file: "pick_machine.ts",
      find: "const cooling = coolDownOf(machines, now);",
      put: "const cooling = coolDownOf([], now);",
    }],
  },
  {
    name: "does not wait as long as it is told",
    standsFor: "a provider that limits us is asked all the sooner, until it shuts us out",
    edits: [{
      file: "step.ts",
      find: "return notBefore ?? later(askedAt, reask);",
      put: "return later(askedAt, reask);",
    }],
  },
  {
    name: "restores at once what was taken back",
    standsFor:
      "requests wait for a spot machine where there was just none, though the next tier could serve",
    edits: [{
      file: "decide_serving.ts",
      find: "if (policy.preemptible && !machine.retired) {",
      put: "if (policy.preemptible && now < 0) {",
    }],
  },
  {
    name: "never replaces a broken computer",
    standsFor: "one failed restore takes a machine out of the lineup for good",
    edits: [{
      file: "step.ts",
      find: "if (!policy.creates) return failStart(facts, because);",
      put: "if (now > 0) return failStart(facts, because);",
    }],
  },
  {
    name: "replaces without end",
    standsFor: "an image that cannot start rents and ends a computer every few minutes, all night",
    edits: [{
      file: "step.ts",
      find: "recent.length >= max)",
      put: "recent.length >= max + 1e6)",
    }],
  },
  {
    name: "takes a computer that is being ended for gone",
    standsFor: "another is rented while the first, whose end failed, is billed on",
    edits: [{
      file: "decide_cooling.ts",
      find:
        'if (sight.power === "gone") return rest(facts, "absent", place.failing, "the computer is gone");\n  const seen',
      put:
        'if (sight.power !== "on") return rest(facts, "absent", place.failing, "the computer is gone");\n  const seen',
    }],
  },
  {
    name: "lets a computer grow old",
    standsFor: "a machine nobody thought of is paid for as long as the account has money",
    edits: [{
      file: "step.ts",
      find: "return policy.ageMax !== null && policy.creates",
      put: "return policy.ageMax === -1 && policy.creates",
    }],
  },
  {
    name: "ends an old computer under its streams",
    standsFor: "an age limit that cuts off every answer that runs when it is reached",
    edits: [{
      file: "step.ts",
      find:
        "  if (facts.sight.openRows > 0 && !isPowerless(facts.sight) && !hadItsTime) return STAY;\n",
      put: "",
    }, {
      file: "step.ts",
      find: 'return hadItsTime && decision.kind === "move"',
      put: 'return decision.kind === "move"',
    }],
  },
  {
    name: "leaves what serves to the minute's sweep",
    standsFor:
      "a machine taken back right after the sweep is sent requests for longer than a minute",
    edits: [{
      file: "cadence.ts",
      find: "policy.creates ? LOOK_AT_RENTED_EVERY : null",
      put: "policy.creates && now < 0 ? LOOK_AT_RENTED_EVERY : null",
    }],
  },
];
