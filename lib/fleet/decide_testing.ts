/** For tests only: machines, sights and policies to decide on. */
import { type Instant, instant, millis, minutes, seconds } from "@/lib/kernel/clock.ts";
import type { Sight } from "./decide.ts";
import type { Machine, Place } from "./place.ts";
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
  rest: "asleep",
  creates: false,
  starts: true,
  alwaysReady: false,
};

/** The kinds of machines there are: processes, hibernating rentals, rentals that are ended, servers always on. */
export const POLICIES = {
  local: POLICY,
  hibernating: { ...POLICY, creates: true, nap: null },
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
    ...over,
  };
}

/** `span` milliseconds ago. */
export const ago = (span: number): Instant => instant(NOW - span);
/** `span` milliseconds from now. */
export const ahead = (span: number): Instant => instant(NOW + span);
/** One millisecond. */
export const MS = millis(1);
