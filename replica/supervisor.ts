/** Several replicas on one port: starts them, starts again what died, stops them together. */
import { type Clock, type Millis, millis } from "@/lib/kernel/clock.ts";
import type { Log } from "@/lib/kernel/log.ts";

/** What a replica says once it serves. */
export type ReadyNotice = {
  readonly url: string;
  readonly replicaId: string;
  readonly demoKey: string | null;
};

/** One replica's process, as far as its supervisor goes. */
export type ReplicaProcess = {
  readonly pid: number;
  /** Resolves when it serves; never, when it does not come to that. */
  readonly ready: Promise<ReadyNotice>;
  /** Resolves with its exit status; 128 + n when signal n ended it. Never rejects. */
  readonly exited: Promise<number>;
  /** Lets it finish its requests and leave. Asking again changes nothing. */
  askToStop(): void;
  /** Ends it now. */
  kill(): void;
};

export type SupervisorDeps = {
  readonly start: (index: number) => ReplicaProcess;
  readonly clock: Clock;
  readonly log: Log;
};

export type Supervisor = {
  /** Resolves when the first replica serves; null when it ended before. */
  readonly firstReady: Promise<ReadyNotice | null>;
  /** Resolves with the exit status once all have ended: after `stop`, or because the first one could not start. */
  readonly ended: Promise<number>;
  stop(): void;
  /** For the second signal: ends them all now. */
  kill(): void;
};

const AGAIN_FIRST = millis(500);
const AGAIN_MAX = millis(30_000);
/** One that lived this long died of something new. */
const SETTLED = millis(60_000);

/**
 * Runs `count` replicas until `stop`. The first starts alone, so that it makes what all share (the database, the demo
 * key) and a configuration that cannot work is said once; when it ends before it serves, so does everything.
 */
export function supervise(count: number, { start, clock, log }: SupervisorDeps): Supervisor {
  const running = new Map<number, ReplicaProcess>();
  const stopping = new AbortController();
  const firstReady = Promise.withResolvers<ReadyNotice | null>();

  function begin(index: number): ReplicaProcess {
    const replica = start(index);
    running.set(index, replica);
    void replica.exited.then(() => running.delete(index));
    return replica;
  }

  /** Follows `replica`, and starts another in its place for as long as nobody stops us. */
  async function keep(index: number, replica: ReplicaProcess): Promise<void> {
    let again: Millis = AGAIN_FIRST;
    while (!stopping.signal.aborted) {
      const followedMs = clock.elapsedMs();
      const code = await replica.exited;
      if (stopping.signal.aborted) return;
      if (clock.elapsedMs() - followedMs >= SETTLED) again = AGAIN_FIRST;
      log.error("replica.died", { index, pid: replica.pid, code, again_ms: again });
      await clock.sleep(again, stopping.signal);
      if (stopping.signal.aborted) return;
      again = millis(Math.min(again * 2, AGAIN_MAX));
      replica = begin(index);
    }
  }

  async function run(): Promise<number> {
    const first = begin(0);
    const came = await Promise.race([first.ready, first.exited]);
    if (typeof came === "number") {
      firstReady.resolve(null);
      return came;
    }
    firstReady.resolve(came);
    const others = stopping.signal.aborted
      ? []
      : Array.from({ length: count - 1 }, (_, i) => keep(i + 1, begin(i + 1)));
    await Promise.all([keep(0, first), ...others]);
    await Promise.all([...running.values()].map(({ exited }) => exited));
    return 0;
  }

  return {
    firstReady: firstReady.promise,
    ended: run(),
    stop() {
      stopping.abort();
      for (const replica of running.values()) replica.askToStop();
    },
    kill() {
      stopping.abort();
      for (const replica of running.values()) replica.kill();
    },
  };
}
