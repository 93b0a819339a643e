/** What the status page tells of the fleet, as plain data that pages, the API and the stream share. Pure. */
import { type Instant, since } from "@/lib/kernel/clock.ts";
import type { Band, TierSpec } from "@/lib/kernel/fleet_file.ts";
import type { WakeTimes } from "@/lib/fleet/eta.ts";
import type { FleetView } from "@/lib/fleet/fleet_view.ts";
import type { Machine, PlaceName, ShownState } from "@/lib/fleet/place.ts";
import type { StepTimes, WakeHistory, WakeStep } from "@/lib/fleet/recent_wakes.ts";
import type { WakeRecord } from "@/lib/fleet/wakes_store.ts";
import { spanText } from "./shown_time.ts";

/** A wake without who asked and why it failed: those are for the operator. Times are Unix milliseconds. */
export type WakeStatus = {
  readonly id: string;
  readonly tier: string;
  readonly from: PlaceName;
  readonly askedAtMs: number;
  /** Milliseconds after the ask at which power, port, health and first token were seen; null: not seen. */
  readonly marksMs: readonly (number | null)[];
  readonly isOpen: boolean;
  readonly outcome: "served" | "failed" | "expired" | null;
};

export type MachineStatus = {
  readonly name: string;
  readonly place: PlaceName;
  readonly state: ShownState;
  readonly sinceMs: number;
  /** When a failed one may be tried again. */
  readonly retryAtMs: number | null;
};

export type TierStatus = {
  readonly name: string;
  readonly band: Band;
  readonly gpu: string;
  readonly models: readonly string[];
  readonly idleS: number;
  /** Whole wakes from where the next one would begin, or from anywhere when none would; from this tier's history. */
  readonly eta: WakeTimes | null;
  readonly steps: Readonly<Partial<Record<WakeStep, WakeTimes>>>;
  readonly machines: readonly MachineStatus[];
  /** The open wake, or else the last one. */
  readonly wake: WakeStatus | null;
  /** Requests that this gateway process holds while the tier wakes. */
  readonly waiting: number;
};

export type StatusSnapshot = {
  /** When it was true, Unix milliseconds. */
  readonly atMs: number;
  readonly tiers: readonly TierStatus[];
  /** Newest first. */
  readonly recent: readonly WakeStatus[];
};

/** A snapshot and what is sent of it, made once for everybody. */
export type PublishedStatus = { readonly snapshot: StatusSnapshot; readonly json: string };

/** What pages ask for the fleet's status. */
export type StatusFeed = {
  current(): Promise<PublishedStatus>;
  /** Server-sent events: the status now, then at every change. Null when there are too many viewers. */
  watch(): ReadableStream<Uint8Array> | null;
};

export type StatusFacts = {
  readonly tiers: readonly TierSpec[];
  readonly fleet: Pick<FleetView, "machines" | "openWake" | "etaFor">;
  readonly history: WakeHistory;
  /** Requests held for a tier. */
  readonly waiting: (tier: string) => number;
  readonly shownState: (place: PlaceName) => ShownState;
  readonly now: Instant;
};

/** The fleet at a moment. Machines that the lineup no longer names are shown until they rest. */
export function statusSnapshot(facts: StatusFacts): StatusSnapshot {
  const { tiers, fleet, history, now } = facts;
  const named = new Set(tiers.map((tier) => tier.name));
  const open = tiers.flatMap((tier) => fleet.openWake(tier.name) ?? []);
  const openIds = new Set(open.map((wake) => wake.id));
  const past = history.recent.filter((wake) => !openIds.has(wake.id));
  const recent = [...open, ...past].sort((a, b) => b.askedAt - a.askedAt).map(wakeStatus);
  return {
    atMs: now,
    tiers: tiers.map((tier) => ({
      name: tier.name,
      band: tier.band,
      gpu: tier.gpu,
      models: Object.keys(tier.serves),
      idleS: tier.idle / 1_000,
      eta: fleet.etaFor(tier.name) ?? timesOf(history.steps, tier.name).whole ?? null,
      steps: stepsOf(history.steps, tier.name),
      machines: fleet.machines().filter((machine) => machine.tier === tier.name)
        .map((machine) => machineStatus(machine, facts)),
      wake: recent.find((wake) => wake.tier === tier.name) ?? null,
      waiting: open.some((wake) => wake.tier === tier.name) ? facts.waiting(tier.name) : 0,
    })),
    recent: recent.filter((wake) => named.has(wake.tier)),
  };
}

function machineStatus(
  { tier, slot, place, placeSince }: Machine,
  { shownState }: StatusFacts,
): MachineStatus {
  return {
    name: `${tier} ${slot}`,
    place: place.at,
    state: shownState(place.at),
    sinceMs: place.at === "ready" ? place.since : placeSince,
    retryAtMs: place.at === "failed" ? place.retryAt : null,
  };
}

/** Where each step of a wake ends, in the order of the steps. */
const MARKS: readonly ((wake: WakeRecord) => Instant | null)[] = [
  (wake) => wake.powerAskedAt,
  (wake) => wake.powerOnAt,
  (wake) => wake.addressAt,
  (wake) => wake.portOpenAt,
  (wake) => wake.healthyAt,
  (wake) => wake.firstTokenAt,
];
const HEALTHY_MARK = 4;

function wakeStatus(wake: WakeRecord): WakeStatus {
  const afterMs = (at: Instant | null) => at === null ? null : Math.max(0, since(wake.askedAt, at));
  return {
    id: wake.id,
    tier: wake.tier,
    from: wake.fromPlace,
    askedAtMs: wake.askedAt,
    marksMs: MARKS.map((atOf) => afterMs(atOf(wake))),
    isOpen: wake.endedAt === null,
    outcome: wake.outcome,
  };
}

function stepsOf(steps: readonly StepTimes[], tier: string): TierStatus["steps"] {
  const { whole: _whole, ...rest } = timesOf(steps, tier);
  return rest;
}

function timesOf(
  steps: readonly StepTimes[],
  tier: string,
): Partial<Record<StepTimes["step"], WakeTimes>> {
  return Object.fromEntries(
    steps.filter((each) => each.tier === tier)
      .map(({ step, p50S, p95S, samples }) => [step, { p50S, p95S, samples }]),
  );
}

/** From the ask to a healthy engine, or as far as it came; null when nothing was seen. */
export function wakeTookMs({ marksMs }: WakeStatus): number | null {
  return marksMs[HEALTHY_MARK] ?? marksMs.findLast((mark) => mark !== null) ?? null;
}

/** What a person who cannot see the page is told of a change. */
export function spokenChanges(before: StatusSnapshot, after: StatusSnapshot): string[] {
  const states = new Map(
    before.tiers.flatMap((tier) => tier.machines.map(({ name, state }) => [name, state])),
  );
  const open = new Set(before.recent.filter((wake) => wake.isOpen).map((wake) => wake.id));
  const moved = after.tiers.flatMap((tier) =>
    tier.machines.filter(({ name, state }) => states.get(name) !== state)
      .map(({ name, state }) => `${name} is now ${state}`)
  );
  const ended = after.recent.filter((wake) => !wake.isOpen && open.has(wake.id)).map((wake) => {
    const tookMs = wakeTookMs(wake);
    const took = wake.outcome === "served" && tookMs !== null ? ` after ${spanText(tookMs)}` : "";
    return `The wake of ${wake.tier} was ${wake.outcome}${took}`;
  });
  return [...moved, ...ended];
}
