/**
 * One replica and two, for what the second one adds: each replica on a core of its own, and, to leave the database, the
 * engine and the load cores to spare on a machine of four, next to neighbours that take a share of it.
 */
import { coreNumbers, FULL, fullInsteadOf } from "./cores.ts";
import {
  type Bench,
  DATABASE_CORE,
  type Lane,
  type Measured,
  startEmberlane,
  startEngine,
  treeOf,
} from "./lanes.ts";
import { type Cores, listeners, pin, start, type Started, stop } from "./processes.ts";

export type ReplicaLane = Lane & {
  readonly replicas: number;
  /** The replicas' own processes, without what starts them. */
  readonly pids: readonly number[];
};

export type ReplicaLanes = {
  readonly one: ReplicaLane;
  readonly two: ReplicaLane;
  /** Where the engine and the load are, together. */
  readonly rest: Cores;
  /** Ends all of it. */
  stop(): Promise<void>;
};

/** On four cores: two for replicas, one for the database (`lanes.ts`), one for the engine and the load together. */
const REPLICA_CORES = ["0", "1"] as const;
const REST_CORE = "2";
/** On each replica's core. Two replicas then leave room on the cores of the database, the engine and the load. */
const NEIGHBOURS = 2;
/** A replica that waited for work this long was not the limit. */
const SLEPT_MAX = 0.1;
/** Runs until what started it is no more, so that none is left behind; it looks a few times a second. */
const RUN_ON =
  "while kill -0 $PPID; do i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done; done 2> /dev/null";
const SERVES_MS_MAX = 30_000;
const LOOK_MS = 50;

/** Starts an engine and two gateways over it, of one replica and of two, each with a database. */
export async function startReplicaLanes(bench: Bench): Promise<ReplicaLanes> {
  const isPinned = bench.layout.proxy !== null;
  const rest = isPinned ? REST_CORE : null;
  const engine = await startEngine(rest);
  const one = await startReplicas(bench.dir, engine.port, 1, isPinned);
  const two = await startReplicas(bench.dir, engine.port, 2, isPinned);
  return {
    ...{ one, two, rest },
    async stop() {
      for (const { process } of [one, two, engine]) if (process !== null) await stop(process);
    },
  };
}

async function startReplicas(
  dir: string,
  enginePort: number,
  replicas: number,
  isPinned: boolean,
): Promise<ReplicaLane> {
  const cores = isPinned ? REPLICA_CORES.slice(0, replicas).join(",") : null;
  // V8 starts as many helpers as it sees cores, and each has a share of its own next to a neighbour: let all see the same.
  const seen = isPinned ? REPLICA_CORES.join(",") : null;
  const name = replicas === 1 ? "one replica" : `${replicas} replicas`;
  const lane = await startEmberlane(dir, enginePort, seen, { name, replicas });
  const endMs = performance.now() + SERVES_MS_MAX;
  // The others start when the first serves.
  while (listeners(lane.port) < replicas) {
    if (performance.now() > endMs) throw new Error(`${name} did not serve in ${SERVES_MS_MAX} ms`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  // With several, the first process only starts the others.
  const { ours } = treeOf(lane);
  const pids = replicas === 1 ? ours.slice(0, 1) : ours.slice(1);
  if (pids.length !== replicas) throw new Error(`${name}: found ${pids.length} processes`);
  for (const [i, core] of coreNumbers(cores).entries()) {
    await pin(pids.slice(i, i + 1), String(core));
  }
  return { ...lane, cores, replicas, pids };
}

/**
 * Starts processes on each replica's core that do nothing but run. All weigh the same, so that a replica which never
 * sleeps gets a third, and what its helpers get besides.
 */
export function startNeighbours(): Started[] {
  return REPLICA_CORES.flatMap((core) =>
    Array.from(
      { length: NEIGHBOURS },
      () => start("neighbour", core, ["sh", "-c", RUN_ON]),
    )
  );
}

/** The neighbours that are on the cores of `lane`. */
export function neighboursOf(lane: Lane, neighbours: readonly Started[]): number[] {
  const count = Math.min(neighbours.length, coreNumbers(lane.cores).length * NEIGHBOURS);
  return neighbours.slice(0, count).map(({ pid }) => pid);
}

/** What the title of a table says of it. */
export function sharing(neighbours: readonly Started[]): string {
  return neighbours.length === 0
    ? "whole cores"
    : `beside ${NEIGHBOURS} busy neighbours on each core`;
}

/** What each replica had of its core, all its threads together. */
export const shareOf = ({ cpuUs, seconds }: Measured, { replicas }: ReplicaLane) =>
  cpuUs / 1_000_000 / seconds / replicas;

/** The share of the time in which a replica's main thread neither ran nor waited for its core: it had nothing to do. */
export const sleptOf = ({ ran, waited }: Measured) => Math.max(0, 1 - ran - waited);

/** Which cores were full while the replicas had nothing to do for some of the time. */
function limitsOf(run: Measured, rest: string | null): string[] {
  const isProxyFull = sleptOf(run) < SLEPT_MAX;
  const others = { "engine and load": rest, database: rest === null ? null : DATABASE_CORE };
  return fullInsteadOf(isProxyFull, run.busy, others);
}

/** In how many rounds something else was the limit, as a table says it. */
export function limitedElsewhere(runs: readonly Measured[], rest: string | null): string {
  const limited = runs.filter((run) => limitsOf(run, rest).length > 0).length;
  return `${limited} of ${runs.length}`;
}

export const LIMITS_NOTE =
  `Each replica has a core, the database one, the engine and the load share one. Limited elsewhere: one of these was more than ${
    FULL * 100
  } % busy in a round while the replicas slept for ${SLEPT_MAX * 100} % or more of it.`;
