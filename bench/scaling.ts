/** Plain requests of two replicas over one: with whole cores, and with a share of each, so that there are cores to spare. */
import { FULL, fullInsteadOf, meanBusy } from "./cores.ts";
import { type Bench, DATABASE_CORE, measure, type Measured, noiseOf, rotated } from "./lanes.ts";
import { type Started, stop } from "./processes.ts";
import {
  neighboursOf,
  type ReplicaLane,
  type ReplicaLanes,
  startNeighbours,
  startReplicaLanes,
} from "./replica_lanes.ts";
import { type Row, row, type Table } from "./report.ts";
import { median } from "./statistics.ts";

export type ScalingOptions = { readonly rounds: number; readonly seconds: number };

/** The same for both lanes: enough that two replicas never wait for work. */
const CONNECTIONS = 128;
/** A replica gets a third of its core. Two of them then leave room on the database's, the engine's and the load's. */
export const NEIGHBOURS = 2;
/** A replica that waited for work this long was not the limit. */
const SLEPT_MAX = 0.1;

/** Requests a second of two replicas on two cores, over one replica on one, in turn. */
export async function scaling(bench: Bench, options: ScalingOptions): Promise<Table[]> {
  const lanes = await startReplicaLanes(bench);
  const whole = await runsOf(lanes, options, []);
  const tables = [tableOf("whole cores", whole, lanes)];
  if (lanes.rest !== null) {
    const neighbours = startNeighbours(NEIGHBOURS);
    const shared = await runsOf(lanes, options, neighbours);
    for (const neighbour of neighbours) await stop(neighbour);
    tables.push(tableOf(`beside ${NEIGHBOURS} busy neighbours on each core`, shared, lanes));
  }
  await lanes.stop();
  return tables;
}

type Runs = ReadonlyMap<ReplicaLane, readonly Measured[]>;

async function runsOf(
  { one, two, rest }: ReplicaLanes,
  { rounds, seconds }: ScalingOptions,
  neighbours: readonly Started[],
): Promise<Runs> {
  const runs = new Map<ReplicaLane, Measured[]>([[one, []], [two, []]]);
  for (let round = 0; round < rounds; round++) {
    for (const lane of rotated([one, two], round)) {
      const run = await measure(
        lane,
        {
          ...{ kind: "closed", connections: CONNECTIONS, seconds, bench: { chunks: 16 } } as const,
          watch: lane.pids,
        },
        rest,
        neighboursOf(lane, neighbours),
      );
      if (run.failed > 0) throw new Error(`${lane.name} failed ${run.failed} requests`);
      if (round > 0) runs.get(lane)?.push(run);
    }
  }
  return runs;
}

/** Which cores were full while the replicas had nothing to do for some of the time. */
export function limitsOf(run: Measured, rest: string | null): string[] {
  const isProxyFull = sleptOf(run) < SLEPT_MAX;
  const others = { "engine and load": rest, database: rest === null ? null : DATABASE_CORE };
  return fullInsteadOf(isProxyFull, run.busy, others);
}

function tableOf(how: string, runs: Runs, { one, rest }: ReplicaLanes): Table {
  const ones = (runs.get(one) ?? []).map(perSecond);
  const rows = [...runs].map(([lane, all]): Row => {
    const ratios = all.map((run, i) => perSecond(run) / (ones[i] ?? NaN));
    const percent = (of: (run: Measured) => number) => 100 * median(all.map(of));
    const limited = all.filter((run) => limitsOf(run, rest).length > 0).length;
    return [
      ...row(lane.name, [
        ...[median(all.map(perSecond)), median(ratios)],
        ...[median(all.map(({ cpuUs, ok }) => cpuUs / ok))],
        ...[median(all.map(({ databaseCpuUs, ok }) => databaseCpuUs / ok))],
      ], 2),
      ...row("", [
        ...[percent((run) => shareOf(run, lane)), percent(sleptOf)],
        ...[percent(({ busy }) => meanBusy(busy, rest === null ? null : DATABASE_CORE))],
        ...[percent(({ busy }) => meanBusy(busy, rest))],
      ], 0).slice(1),
      `${limited} of ${all.length}`,
    ];
  });
  const all = [...runs.values()].flat();
  return {
    title: `Two replicas over one, plain requests, ${CONNECTIONS} at a time, ${how}`,
    columns: [
      ...["", "requests/s", "ratio", "CPU µs", "database µs", "of its core %", "slept %"],
      ...["database's core %", "engine and load %", "limited elsewhere"],
    ],
    rows,
    notes: rest === null ? ["Processes were not kept to cores."] : [
      `Each replica has a core, the database one, the engine and the load share one. Limited elsewhere: one of these was more than ${
        FULL * 100
      } % busy in a round while the replicas slept for ${SLEPT_MAX * 100} % or more of it.`,
      ...noiseOf(all),
    ],
    figures: Object.fromEntries([...runs].map(([{ name }, all]) => [name, all])),
  };
}

/** What each replica had of its core, all its threads together. */
export const shareOf = ({ cpuUs, seconds }: Measured, { replicas }: ReplicaLane) =>
  cpuUs / 1_000_000 / seconds / replicas;

/** The share of the time in which a replica's main thread neither ran nor waited for its core: it had nothing to do. */
export const sleptOf = ({ ran, waited }: Measured) => Math.max(0, 1 - ran - waited);

const perSecond = ({ ok, seconds }: Measured) => ok / seconds;
