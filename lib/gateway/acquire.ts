/**
 * Finds a ready machine for a request, or waits for one: a level, not an event. A request never starts a machine; it
 * asks for a wake, and the keeper moves machines.
 */
import type { Clock, Instant, Millis } from "@/lib/kernel/clock.ts";
import { millis } from "@/lib/kernel/clock.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import type { TierSpec } from "@/lib/kernel/fleet_file.ts";
import type { WakeView } from "@/lib/fleet/fleet_view.ts";
import type { Target } from "@/lib/fleet/lineup.ts";
import type { Machine } from "@/lib/fleet/place.ts";
import { chooseMachine } from "./choose.ts";
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
export type WakeSight = Pick<WakeView, "tier" | "outcome" | "because" | "phase" | "eta">;

export type WakeAnswer =
  | { kind: "asked"; wakeId: string }
  | { kind: "unavailable"; retryAt: Instant | null; because: string };

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
  readonly signal: AbortSignal;
};

export type Acquired = {
  readonly target: Target;
  readonly machine: Machine;
  readonly wakeId: string | null;
};

/** How long a request waits for the keeper's word on a machine that failed it, before it gives up. */
const VERDICT_MS = 3_000;
const RETRY_AFTER_UNKNOWN_S = 10;
const RETRY_AFTER_TIMEOUT_S = 30;

/** Names one life of a machine: once it moved on, it is worth another try. */
export function lifeOf(machine: Machine): string {
  return `${machine.id}:${machine.placeSince}`;
}

/**
 * Answers a ready machine. Throws AppError: `no_upstream` when nothing can wake, `queue_full`, `warming_up` or
 * `wake_timeout` at the deadline, the last failure when only failed machines are left; or the signal's reason.
 */
export async function acquire(deps: AcquireDeps, wish: Wish): Promise<Acquired> {
  const atOnce = pickReady(deps, wish, null);
  if (atOnce !== null) return { ...atOnce, wakeId: null };
  return await waitForMachine(deps, wish);
}

async function waitForMachine(deps: AcquireDeps, wish: Wish): Promise<Acquired> {
  const unavailable = new Map<string, WakeAnswer & { kind: "unavailable" }>();
  const verdictAtMs = deps.clock.elapsedMs() + VERDICT_MS;
  let waiting: { tier: TierSpec; wakeId: string } | null = null;
  let leaveQueue: (() => void) | null = null;
  const change = changes(deps.fleet);
  try {
    while (true) {
      wish.signal.throwIfAborted();
      const seen = change.next();
      const ready = pickReady(deps, wish, waiting?.tier ?? null);
      if (ready !== null) {
        const woken = waiting !== null && waiting.tier.name === ready.target.tier.name;
        return { ...ready, wakeId: woken ? waiting?.wakeId ?? null : null };
      }

      // A wake that was served and left no ready machine is over too: the machine was lost again.
      const isOver = waiting === null ||
        (deps.fleet.wake(waiting.wakeId)?.outcome ?? null) !== null;
      if (isOver) {
        if (waiting !== null) noteFailedWake(deps.fleet, waiting, unavailable);
        const asked = await askFirstCold(deps, wish, unavailable);
        leaveQueue?.();
        leaveQueue = null;
        waiting = asked;
        if (asked !== null) {
          leaveQueue = deps.held.enter(asked.tier);
          wish.onWaiting(asked.wakeId);
          continue; // the fleet may have moved while we asked
        }
        if (!hasSuspects(deps, wish) || deps.clock.elapsedMs() >= verdictAtMs) {
          throw wish.lastFailure ?? noUpstream(wish, unavailable, deps.clock.now());
        }
      }
      const untilMs = waiting === null
        ? Math.min(verdictAtMs, wish.deadline.atMs)
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

/** The first target with a ready machine, in order; a tier that is to be waited for ends the search. */
function pickReady(
  deps: AcquireDeps,
  wish: Wish,
  waitingFor: TierSpec | null,
): Omit<Acquired, "wakeId"> | null {
  for (const target of wish.targets) {
    const { tier } = target;
    const ready = deps.fleet.ready(tier.name).filter((machine) => !wish.avoid.has(lifeOf(machine)));
    const well = ready.filter((machine) => !deps.loads.isShunned(machine.id));
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
    if (tier.when_cold === "wait" && (waitingFor === null || waitingFor.name === tier.name)) {
      return null;
    }
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

/** Asks the best tier that can wake. Null when none can; why is noted in `unavailable`. */
async function askFirstCold(
  deps: AcquireDeps,
  wish: Wish,
  unavailable: Map<string, WakeAnswer & { kind: "unavailable" }>,
): Promise<{ tier: TierSpec; wakeId: string } | null> {
  const now = deps.clock.now();
  for (const tier of new Set(wish.targets.map((target) => target.tier))) {
    if (deps.fleet.ready(tier.name).length > 0) continue; // only failed ones: the keeper has not judged yet
    const known = unavailable.get(tier.name);
    if (known !== undefined && (known.retryAt === null || known.retryAt > now)) continue;
    const answer = await deps.askWake(tier, wish.requestId);
    if (answer.kind === "asked") return { tier, wakeId: answer.wakeId };
    unavailable.set(tier.name, answer);
  }
  return null;
}

/** A wake that failed while we waited: its tier is not asked again by this request. */
function noteFailedWake(
  fleet: FleetSight,
  { tier, wakeId }: { tier: TierSpec; wakeId: string },
  unavailable: Map<string, WakeAnswer & { kind: "unavailable" }>,
): void {
  const wake = fleet.wake(wakeId);
  if (wake?.outcome !== "failed") return;
  unavailable.set(tier.name, {
    kind: "unavailable",
    retryAt: null,
    because: wake.because ?? "its wake failed",
  });
}

/** Whether a tier has machines that are ready by the books but failed this request. */
function hasSuspects(deps: AcquireDeps, wish: Wish): boolean {
  return wish.targets.some(({ tier }) => deps.fleet.ready(tier.name).length > 0);
}

function noUpstream(
  wish: Wish,
  unavailable: ReadonlyMap<string, WakeAnswer & { kind: "unavailable" }>,
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

/** Turns the subscription into promises: each resolves at the first change after it was asked for. */
function changes(fleet: FleetSight): { next(): Promise<void>; stop(): void } {
  let wait = Promise.withResolvers<void>();
  const stop = fleet.subscribe(() => {
    wait.resolve();
    wait = Promise.withResolvers();
  });
  return { next: () => wait.promise, stop };
}

async function changeOrTimeout(
  clock: Clock,
  change: Promise<void>,
  span: Millis,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const stop = () => over.abort();
  signal.addEventListener("abort", stop);
  try {
    await Promise.race([change, clock.sleep(span, over.signal)]);
  } finally {
    signal.removeEventListener("abort", stop);
    over.abort();
  }
}
