/**
 * Finds a ready machine for a request, or waits for one: a level, not an event. A request never starts a machine; it
 * asks for a wake, and the keeper moves machines.
 */
import type { CancelSignal } from "@/lib/kernel/cancel.ts";
import type { Clock, Instant } from "@/lib/kernel/clock.ts";
import { millis } from "@/lib/kernel/clock.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import type { TierSpec } from "@/lib/kernel/fleet_file.ts";
import type { WakeView } from "@/lib/fleet/fleet_view.ts";
import type { Target } from "@/lib/fleet/lineup.ts";
import type { Machine } from "@/lib/fleet/place.ts";
import { chooseMachine } from "./choose.ts";
import { changeOrTimeout, changes } from "./fleet_changes.ts";
import type { HeldRequests } from "./held_requests.ts";
import type { MachineLoads } from "./machine_loads.ts";

/** What of the fleet a request needs to see. */
export type FleetSight = {
  ready(tier: string): readonly Machine[];
  openWake(tier: string): { readonly id: string } | null;
  wake(id: string): WakeSight | null;
  /** Calls back after every applied change. */
  subscribe(listener: () => void): () => void;
};

/** A wake as a waiting request sees it. */
export type WakeSight =
  & Pick<WakeView, "tier" | "outcome" | "because" | "phase" | "eta">
  & Partial<Pick<WakeView, "retryAt">>;

export type WakeAnswer =
  | { kind: "asked"; wakeId: string }
  | { kind: "unavailable"; retryAt: Instant | null; because: string }
  /** A machine of it is ready; our view of the fleet has yet to hear of it. */
  | { kind: "ready" };

type Unavailable = WakeAnswer & {
  kind: "unavailable";
  /** This request asks it no more, whenever it may be tried again. */
  isFinal?: true;
};

export type AcquireDeps = {
  readonly clock: Clock;
  readonly fleet: FleetSight;
  readonly loads: MachineLoads;
  readonly held: HeldRequests;
  /** Asks for a wake of the tier; many requests share one call, and the wake outlives them all. */
  askWake(tier: TierSpec, requestId: string): Promise<WakeAnswer>;
  /** Asks for another machine of a tier whose ready ones are full; answers nothing. */
  askMore(tier: TierSpec, requestId: string): void;
};

export type Wish = {
  readonly requestId: string;
  readonly targets: readonly Target[];
  readonly sessionId: string | null;
  /** On the elapsed clock, in ms. `prefer`: the client's own `Prefer: wait`. */
  readonly deadline: { readonly atMs: number; readonly kind: "cap" | "prefer" };
  /** Machine lives (see {@link lifeOf}) that failed this request already. */
  readonly avoid: ReadonlySet<string>;
  /** Why the last attempt failed; thrown when no machine but the failed ones is left. */
  readonly lastFailure: AppError | null;
  /** Told when it begins to wait, and for which wake. */
  readonly onWaiting: (wakeId: string) => void;
  readonly signal: CancelSignal;
};

export type Acquired = {
  readonly target: Target;
  readonly machine: Machine;
  readonly wakeId: string | null;
};

/**
 * How long a request waits for news that must come soon, before it gives up: the keeper's word on a machine that failed
 * it, or our own view's on one that is said to be ready.
 */
const VERDICT_MS = 3_000;
const NONE: ReadonlyMap<string, Unavailable> = new Map();
const RETRY_AFTER_UNKNOWN_S = 10;
const RETRY_AFTER_TIMEOUT_S = 30;

/** Names one life of a machine: once it moved on, it is worth another try. Falling sick and getting well is no new life. */
export function lifeOf({ id, place, placeSince }: Machine): string {
  return `${id}:${place.at === "ready" ? place.since : placeSince}`;
}

/**
 * Answers a ready machine, at once when there is one. Rejects with AppError: `no_upstream` when nothing can wake, `queue_full`, `warming_up` or
 * `wake_timeout` at the deadline, the last failure when only failed machines are left; or the signal's reason.
 */
export function acquire(deps: AcquireDeps, wish: Wish): Acquired | Promise<Acquired> {
  const atOnce = pickReady(deps, wish, null, NONE);
  if (atOnce === null) return waitForMachine(deps, wish);
  return { target: atOnce.target, machine: atOnce.machine, wakeId: null };
}

async function waitForMachine(deps: AcquireDeps, wish: Wish): Promise<Acquired> {
  const unavailable = new Map<string, Unavailable>();
  /** Runs from when only machines are left that failed this request, or that we have yet to hear of. */
  let verdictAtMs: number | null = null;
  let waiting: { tier: TierSpec; wakeId: string } | null = null;
  let leaveQueue: (() => void) | null = null;
  const change = changes(deps.fleet);
  try {
    while (true) {
      wish.signal.throwIfAborted();
      const seen = change.next();
      const ready = pickReady(deps, wish, waiting?.tier ?? null, unavailable);
      if (ready !== null) return { ...ready, wakeId: wakeOf(waiting, ready.target) };

      // A wake that was served and left no ready machine is over too: the machine was lost again.
      const isOver = waiting === null ||
        (deps.fleet.wake(waiting.wakeId)?.outcome ?? null) !== null;
      if (isOver) {
        const before = waiting;
        if (before !== null) noteFailedWake(deps.fleet, before, unavailable);
        const asked = await askFirstCold(deps, wish, unavailable);
        leaveQueue?.();
        leaveQueue = null;
        waiting = asked === "ready" ? null : asked;
        if (waiting !== null) {
          verdictAtMs = null;
          leaveQueue = deps.held.enter(waiting.tier);
          wish.onWaiting(waiting.wakeId);
          continue; // the fleet may have moved while we asked
        }
        // Asking brings our view up to date: a machine may have become ready before we heard of it.
        const late = pickReady(deps, wish, null, unavailable);
        if (late !== null) return { ...late, wakeId: wakeOf(before, late.target) };
        const nowMs = deps.clock.elapsedMs();
        verdictAtMs ??= nowMs + VERDICT_MS;
        const newsMustCome = asked === "ready" || hasSuspects(deps, wish);
        if (!newsMustCome || nowMs >= verdictAtMs) {
          throw wish.lastFailure ?? noUpstream(wish, unavailable, deps.clock.now());
        }
      }
      const untilMs = waiting === null
        ? Math.min(verdictAtMs ?? Infinity, wish.deadline.atMs)
        : wish.deadline.atMs;
      const timeLeft = millis(untilMs - deps.clock.elapsedMs());
      if (timeLeft <= 0) {
        if (waiting === null && untilMs < wish.deadline.atMs) continue; // the verdict's time is up
        throw deadlineError(deps, wish, waiting);
      }
      await changeOrTimeout(deps.clock, seen, timeLeft, wish.signal);
    }
  } finally {
    change.stop();
    leaveQueue?.();
  }
}

/** The wake that brought a machine of the target: the one that was waited for, if it was of its tier. */
function wakeOf(
  waiting: { tier: TierSpec; wakeId: string } | null,
  { tier }: Target,
): string | null {
  return waiting !== null && waiting.tier.name === tier.name ? waiting.wakeId : null;
}

/**
 * The first target with a ready machine, in order. A cold tier that is to be waited for ends the search, unless it
 * cannot be woken; one whose machines failed this request is not cold.
 */
function pickReady(
  deps: AcquireDeps,
  wish: Wish,
  waitingFor: TierSpec | null,
  unavailable: ReadonlyMap<string, Unavailable>,
): Omit<Acquired, "wakeId"> | null {
  for (const target of wish.targets) {
    const { tier } = target;
    const ready = wish.avoid.size === 0
      ? deps.fleet.ready(tier.name)
      : deps.fleet.ready(tier.name).filter((machine) => !wish.avoid.has(lifeOf(machine)));
    const well = deps.loads.shunsNone
      ? ready
      : ready.filter((machine) => !deps.loads.isShunned(machine.id));
    const machine = chooseMachine(
      well.length > 0 ? well : ready,
      wish.sessionId,
      deps.loads.inFlight,
    );
    if (machine !== null) {
      const full = ready.every((m) => deps.loads.inFlight(m.id) >= tier.concurrency);
      if (full && ready.length < tier.machines) deps.askMore(tier, wish.requestId);
      if (waitingFor === null) askAbove(deps, wish, target);
      return { target, machine };
    }
    const isCold = deps.fleet.ready(tier.name).length === 0 && !unavailable.has(tier.name);
    const mayWait = waitingFor === null || waitingFor.name === tier.name;
    if (tier.when_cold === "wait" && isCold && mayWait) return null;
  }
  return null;
}

/** While a lower tier serves, the best one above it is woken. */
function askAbove(deps: AcquireDeps, wish: Wish, served: Target): void {
  for (const { tier } of wish.targets) {
    if (tier.name === served.tier.name) return;
    if (deps.fleet.openWake(tier.name) !== null) return;
    if (deps.fleet.ready(tier.name).length > 0) continue; // ready, but it failed this very request
    return deps.askMore(tier, wish.requestId);
  }
}

/** Asks the best tier that can wake. "ready": our view is about to hear of a machine. Null: none can; see `unavailable`. */
async function askFirstCold(
  deps: AcquireDeps,
  wish: Wish,
  unavailable: Map<string, Unavailable>,
): Promise<{ tier: TierSpec; wakeId: string } | "ready" | null> {
  const now = deps.clock.now();
  for (const tier of new Set(wish.targets.map((target) => target.tier))) {
    if (deps.fleet.ready(tier.name).length > 0) continue; // only failed ones: the keeper has not judged yet
    const known = unavailable.get(tier.name);
    const isOver = known?.isFinal === true || known?.retryAt === null;
    if (known !== undefined && (isOver || (known.retryAt ?? now) > now)) continue;
    const answer = await deps.askWake(tier, wish.requestId);
    if (answer.kind === "ready") return "ready";
    if (answer.kind === "asked") return { tier, wakeId: answer.wakeId };
    if (deps.fleet.ready(tier.name).length > 0) return null; // it serves already; our view was behind
    unavailable.set(tier.name, answer);
  }
  return null;
}

/** A wake that failed while we waited: its tier is not asked again by this request. */
function noteFailedWake(
  fleet: FleetSight,
  { tier, wakeId }: { tier: TierSpec; wakeId: string },
  unavailable: Map<string, Unavailable>,
): void {
  const wake = fleet.wake(wakeId);
  if (wake?.outcome !== "failed") return;
  unavailable.set(tier.name, {
    kind: "unavailable",
    retryAt: wake.retryAt ?? null,
    because: wake.because ?? "its wake failed",
    isFinal: true,
  });
}

/** Whether a tier has machines that are ready by the books but failed this request. */
function hasSuspects(deps: AcquireDeps, wish: Wish): boolean {
  return wish.targets.some(({ tier }) => deps.fleet.ready(tier.name).length > 0);
}

function noUpstream(
  wish: Wish,
  unavailable: ReadonlyMap<string, Unavailable>,
  now: Instant,
): AppError {
  const reasons = [...unavailable].map(([tier, { because }]) => `${tier}: ${because}`).join("; ");
  const model = wish.targets[0]?.model.id ?? "";
  const retryAts = [...unavailable.values()].flatMap(({ retryAt }) =>
    retryAt === null ? [] : [retryAt]
  );
  const waitMs = retryAts.length === 0 ? null : Math.min(...retryAts) - now;
  return new AppError(
    "no_upstream",
    `Cannot serve "${model}": no machine can be woken now (${reasons})`,
    {
      retryAfterS: waitMs === null ? RETRY_AFTER_UNKNOWN_S : Math.max(1, Math.ceil(waitMs / 1_000)),
    },
  );
}

function deadlineError(
  deps: AcquireDeps,
  wish: Wish,
  waiting: { tier: TierSpec; wakeId: string } | null,
): AppError {
  const etaMs = waiting === null ? null : deps.fleet.wake(waiting.wakeId)?.eta?.likely ?? null;
  const etaS = etaMs === null ? null : Math.max(1, Math.ceil(etaMs / 1_000));
  const tier = waiting?.tier.name ?? wish.targets[0]?.tier.name ?? "";
  if (wish.deadline.kind === "prefer") {
    return new AppError(
      "warming_up",
      `No machine of tier "${tier}" was ready within the wait you preferred; its wake goes on`,
      { retryAfterS: etaS ?? RETRY_AFTER_UNKNOWN_S },
    );
  }
  return new AppError(
    "wake_timeout",
    `No machine of tier "${tier}" became ready in time; its wake goes on, so a later request may find it ready`,
    { retryAfterS: etaS ?? RETRY_AFTER_TIMEOUT_S, shouldRetry: false },
  );
}
