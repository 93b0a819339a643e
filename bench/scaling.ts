/** Plain requests of two replicas over one: with whole cores, and with a share of each, so that there are cores to spare. */
import { FOREIGN_MAX, hasNoMore, meanBusy } from "./cores.ts";
import { type Bench, DATABASE_CORE, measure, type Measured, noiseOf, rotated } from "./lanes.ts";
import { type Started, stop } from "./processes.ts";
import {
  limitedElsewhere,
  LIMITS_NOTE,
  neighboursOf,
  type ReplicaLane,
  type ReplicaLanes,
  shareOf,
  sharing,
  sleptOf,
  startNeighbours,
  startReplicaLanes,
} from "./replica_lanes.ts";
import { type Row, row, type Table } from "./report.ts";
import { scalingStreams, type ScalingStreamsOptions } from "./scaling_streams.ts";
import { median } from "./statistics.ts";

export type ScalingOptions = {
  readonly rounds: number;
  readonly seconds: number;
  readonly streams: ScalingStreamsOptions;
};

/**
 * The same for both lanes: enough that two replicas never wait for work, and that each writes its usage rows in groups
 * as great as they get.
 */
const CONNECTIONS = 256;
/**
 * What two replicas on two cores carry over one on one, in turn: requests with whole cores, requests and chunks with a
 * share of each. Medians over rounds; the first one is thrown away.
 */
export async function scaling(bench: Bench, options: ScalingOptions): Promise<Table[]> {
  const lanes = await startReplicaLanes(bench);
  const tables = [tableOf(await runsOf(lanes, options, []), lanes, [])];
  if (lanes.rest !== null) {
    const neighbours = startNeighbours();
    tables.push(tableOf(await runsOf(lanes, options, neighbours), lanes, neighbours));
    tables.push(await scalingStreams(lanes, neighbours, options.streams));
    for (const neighbour of neighbours) await stop(neighbour);
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

/** The ratio is of runs that others left alone; next to neighbours, of two that had no greater share of a core each. */
function isFair(
  base: Measured,
  one: ReplicaLane,
  run: Measured,
  two: ReplicaLane,
  isShared: boolean,
): boolean {
  if (base.foreign > FOREIGN_MAX || run.foreign > FOREIGN_MAX) return false;
  return !isShared || hasNoMore(shareOf(run, two), shareOf(base, one));
}

const FAIR_NOTE =
  "Compared are rounds in which others had at most a tenth of the replicas' cores; beside neighbours, each of the two also had no greater share of its core than the one, give or take a tenth.";

function tableOf(
  runs: Runs,
  { one, two, rest }: ReplicaLanes,
  neighbours: readonly Started[],
): Table {
  const [ones, twos] = [runs.get(one) ?? [], runs.get(two) ?? []];
  const compared = [...ones.keys()].filter((i) => {
    const [base, run] = [ones[i], twos[i]];
    if (base === undefined || run === undefined) return false;
    return isFair(base, one, run, two, neighbours.length > 0);
  });
  const rows = [...runs].map(([lane, all]): Row => {
    const rates = (of: readonly Measured[]) =>
      compared.flatMap((i) => of.slice(i, i + 1)).map(perSecond);
    const ratios = rates(all).map((rate, i) => rate / (rates(ones)[i] ?? NaN));
    const percent = (of: (run: Measured) => number) => 100 * median(all.map(of));
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
      limitedElsewhere(all, rest),
      `${compared.length} of ${all.length}`,
    ];
  });
  return {
    title: `Two replicas over one, plain requests, ${CONNECTIONS} at a time, ${
      sharing(neighbours)
    }`,
    columns: [
      ...["", "requests/s", "ratio", "CPU µs", "database µs", "of its core %", "slept %"],
      ...["database's core %", "engine and load %", "limited elsewhere", "compared"],
    ],
    rows,
    notes: rest === null ? ["Processes were not kept to cores."] : [
      LIMITS_NOTE,
      FAIR_NOTE,
      ...noiseOf([...runs.values()].flat()),
    ],
    figures: Object.fromEntries([...runs].map(([{ name }, all]) => [name, all])),
  };
}

const perSecond = ({ ok, seconds }: Measured) => ok / seconds;
