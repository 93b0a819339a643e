/** For tests only: machines, sights and policies to decide on. */
import { type Instant, instant, millis, minutes, seconds } from "@/lib/kernel/clock.ts";
import assert from "node:assert/strict";
import { type Act, decide, type Sight } from "./decide.ts";
import type { Machine, Place, PlaceName } from "./place.ts";
import type { TierPolicy } from "./policy.ts";

export const NOW: Instant = instant(1_700_000_000_000);

/** Every span has a length of its own, so that a test cannot pass by the wrong one. */
export const POLICY: TierPolicy = {
  power: minutes(5),
  create: minutes(16),
  load: minutes(11),
  stop: minutes(4),
  reask: seconds(30),
  sick: seconds(15),
  idle: minutes(14),
  nap: { after: minutes(3), level: 1 },
  retry: seconds(10),
  retryMax: seconds(65),
  attempts: 2,
  noStock: minutes(2),
  preemptible: false,
  ageMax: null,
  drain: minutes(9),
  replacements: { max: 2, within: minutes(50) },
  rest: "asleep",
  creates: false,
  starts: true,
  alwaysReady: false,
};

const hours = minutes(300);

/** The kinds of machines there are: processes, hibernating rentals, rentals that are ended, servers always on. */
export const POLICIES = {
  local: POLICY,
  hibernating: { ...POLICY, creates: true, nap: null, ageMax: hours },
  spot: { ...POLICY, creates: true, preemptible: true },
  rented: { ...POLICY, rest: "absent", creates: true, starts: false },
  kept: { ...POLICY, alwaysReady: true },
  fixed: { ...POLICY, creates: false, starts: false, alwaysReady: true, nap: null },
} as const satisfies Record<string, TierPolicy>;

export function machineAt(place: Place, over: Partial<Machine> = {}): Machine {
  return {
    id: "mac_test",
    tier: "tier",
    slot: 0,
    provider: "provider",
    externalId: "ext-1",
    baseUrl: "http://engine.test",
    place,
    placeSince: NOW,
    failures: 0,
    generation: 7,
    retired: false,
    ...over,
  };
}

export function sightOf(over: Partial<Sight> = {}): Sight {
  return {
    power: "on",
    engine: "healthy",
    portOpen: true,
    openRows: 0,
    lastUsedAt: null,
    waiting: false,
    replacedAt: [],
    ...over,
  };
}

/** `span` milliseconds ago. */
export const ago = (span: number): Instant => instant(NOW - span);
/** `span` milliseconds from now. */
export const ahead = (span: number): Instant => instant(NOW + span);
/** One millisecond. */
export const MS = millis(1);

type In<At extends PlaceName> = Extract<Place, { at: At }>;
type Given = { machine?: Partial<Machine>; policy?: TierPolicy; now?: Instant };

/** The decision in short: where to, and by which act. */
export function at(
  place: Place,
  sight: Partial<Sight>,
  given: Given = {},
): [PlaceName, Act | null] | "stay" {
  const decision = full(place, sight, given);
  return decision.kind === "stay" ? "stay" : [decision.to.at, decision.act];
}

/** The whole decision. */
export function full(
  place: Place,
  sight: Partial<Sight>,
  { machine, policy = POLICY, now = NOW }: Given,
) {
  return decide(machineAt(place, machine), sightOf(sight), policy, now);
}

/** The decision, which must be a move. */
export function moved(place: Place, sight: Partial<Sight>, given: Given = {}) {
  const decision = full(place, sight, given);
  assert.ok(decision.kind === "move", "it moves");
  return decision;
}

export const OFF = { power: "off", engine: "unreachable", portOpen: false } as const;
export const GONE = { power: "gone", engine: "unreachable", portOpen: false } as const;
export const LOADING_ENGINE = { power: "on", engine: "unreachable" } as const;

export const creating: In<"creating"> = { at: "creating", deadline: ahead(1), askedAt: NOW };
export const waking: In<"waking"> = { at: "waking", deadline: ahead(1), askedAt: NOW };
export const loading: In<"loading"> = {
  at: "loading",
  deadline: ahead(1),
  rousing: false,
  askedAt: NOW,
};
export const ready: In<"ready"> = { at: "ready", since: NOW, sickSince: null };
export const napping: In<"napping"> = { at: "napping", since: NOW, askedAt: NOW, sickSince: null };
export const draining: In<"draining"> = { at: "draining", then: "stop", sick: false };
export const stopping: In<"stopping"> = {
  at: "stopping",
  deadline: ahead(1),
  askedAt: NOW,
  failing: false,
};
export const destroying: In<"destroying"> = {
  at: "destroying",
  deadline: ahead(1),
  askedAt: NOW,
  failing: false,
};
