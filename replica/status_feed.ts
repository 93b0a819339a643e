/** The fleet's status, made once per change and fanned out to everybody who watches. */
import { type Clock, type Instant, millis, seconds, since } from "@/lib/kernel/clock.ts";
import type { TierSpec } from "@/lib/kernel/fleet_file.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { FleetView } from "@/lib/fleet/fleet_view.ts";
import { SHOWN_STATE } from "@/lib/fleet/place.ts";
import type { WakeHistory } from "@/lib/fleet/recent_wakes.ts";
import {
  type PublishedStatus,
  type StatusFeed,
  statusSnapshot,
} from "@/lib/site/status_snapshot.ts";

export type StatusFeedDeps = {
  readonly tiers: readonly TierSpec[];
  readonly fleet: Pick<FleetView, "machines" | "openWake" | "etaFor" | "subscribe">;
  readonly waiting: (tier: string) => number;
  /** Reads past wakes; asked once per change, however many watch. */
  readonly history: (now: Instant) => Promise<WakeHistory>;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends every stream when the gateway stops. */
  readonly signal: AbortSignal;
};

export const VIEWERS_MAX = 2_000;
/** Changes within this time are told together; while a wake is open it is looked at this often. */
export const ANNOUNCE_EVERY = millis(250);
/** A proxy that closes silent connections does so after half a minute or more. */
export const BEAT_EVERY = seconds(15);
/** Messages a viewer may lag behind; one more and it is let go, to come back and be told afresh. */
export const VIEWER_MESSAGES_MAX = 8;

const encoder = new TextEncoder();
const GREETING = encoder.encode("retry: 2000\n\n");
const BEAT = encoder.encode(": beat\n\n");

type Viewer = ReadableStreamDefaultController<Uint8Array>;
type Made = PublishedStatus & { readonly event: Uint8Array; readonly facts: string };

/** Begins with nothing made and nobody watching; costs nothing until somebody asks. */
export function createStatusFeed(deps: StatusFeedDeps): StatusFeed {
  const { fleet, clock, log, signal } = deps;
  const viewers = new Set<Viewer>();
  let history: WakeHistory = { recent: [], steps: [] };
  let isHistoryDue = true;
  let isChanged = true;
  let latest: Made | null = null;
  let making: Promise<Made> | null = null;
  let isAnnouncing = false;
  let isBeating = false;

  async function make(): Promise<Made> {
    isChanged = false;
    const now = clock.now();
    if (isHistoryDue) {
      isHistoryDue = false;
      try {
        history = await deps.history(now);
      } catch (error) {
        isHistoryDue = true; // what is known of the past is told until it can be read again
        log.warn("status_history_unread", { error: asError(error) });
      }
    }
    const snapshot = statusSnapshot({
      tiers: deps.tiers,
      fleet,
      history,
      waiting: deps.waiting,
      shownState: (place) => SHOWN_STATE[place],
      now: clock.now(),
    });
    const { atMs, ...rest } = snapshot;
    const facts = JSON.stringify(rest);
    // Nothing but the time changed: those who watch count it themselves.
    if (latest !== null && latest.facts === facts) {
      const json = withTime(atMs, facts);
      return latest = { ...latest, snapshot, json };
    }
    const json = withTime(atMs, facts);
    return latest = { snapshot, json, facts, event: encoder.encode(`data: ${json}\n\n`) };
  }

  const isWaking = () => deps.tiers.some((tier) => fleet.openWake(tier.name) !== null);

  function isFresh(): boolean {
    if (latest === null || isChanged) return false;
    const age = since(latest.snapshot.atMs as Instant, clock.now());
    return age < ANNOUNCE_EVERY || !isWaking();
  }

  async function current(): Promise<Made> {
    if (making === null && latest !== null && isFresh()) return latest;
    return await (making ??= make().finally(() => {
      making = null;
    }));
  }

  /** Tells every change until there is nothing to wait for: no viewer, or no change and no open wake. */
  async function announce(): Promise<void> {
    if (isAnnouncing) return;
    isAnnouncing = true;
    let told: Uint8Array | null = latest?.event ?? null;
    try {
      while (viewers.size > 0 && !signal.aborted && (isChanged || isWaking())) {
        isChanged = true;
        const { event } = await current();
        if (event !== told) tellAll(event);
        told = event;
        await clock.sleep(ANNOUNCE_EVERY, signal);
      }
    } catch (error) {
      log.error("status_not_announced", { error: asError(error) });
    } finally {
      isAnnouncing = false;
    }
  }

  async function beat(): Promise<void> {
    if (isBeating) return;
    isBeating = true;
    while (viewers.size > 0 && !signal.aborted) {
      await clock.sleep(BEAT_EVERY, signal);
      tellAll(BEAT);
    }
    isBeating = false;
  }

  function tellAll(chunk: Uint8Array): void {
    for (const viewer of viewers) tell(viewer, chunk);
  }

  function tell(viewer: Viewer, chunk: Uint8Array): void {
    if (!viewers.has(viewer)) return;
    if ((viewer.desiredSize ?? 0) > 0) viewer.enqueue(chunk);
    else leave(viewer);
  }

  function leave(viewer: Viewer): void {
    if (viewers.delete(viewer)) viewer.close();
  }

  const unsubscribe = fleet.subscribe(() => {
    isChanged = true;
    isHistoryDue = true;
    if (viewers.size > 0) void announce();
  });
  signal.addEventListener("abort", () => {
    unsubscribe();
    for (const viewer of viewers) leave(viewer);
  }, { once: true });

  return {
    current,
    watch() {
      if (signal.aborted || viewers.size >= VIEWERS_MAX) return null;
      let self: Viewer | null = null;
      return new ReadableStream<Uint8Array>({
        start(viewer) {
          self = viewer;
          viewers.add(viewer);
          viewer.enqueue(GREETING);
          current().then(({ event }) => tell(viewer, event), () => leave(viewer));
          void announce();
          void beat();
        },
        cancel() {
          if (self !== null) viewers.delete(self);
        },
      }, new CountQueuingStrategy({ highWaterMark: VIEWER_MESSAGES_MAX }));
    },
  };
}

function withTime(atMs: number, facts: string): string {
  return `{"atMs":${atMs},${facts.slice(1)}`;
}

const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown));
