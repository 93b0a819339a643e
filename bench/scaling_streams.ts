/** The chunks a second that two replicas carry over one, each with a share of its core: streams are added until chunks wait. */
import { FOREIGN_MAX, meanBusy } from "./cores.ts";
import { DATABASE_CORE, type Measured, measureOnce, noiseOf, rotated } from "./lanes.ts";
import type { Started } from "./processes.ts";
import {
  limitedElsewhere,
  neighboursOf,
  type ReplicaLane,
  type ReplicaLanes,
  shareOf,
  sharing,
  sleptOf,
} from "./replica_lanes.ts";
import { type Row, row, type Table } from "./report.ts";
import { crossing, median } from "./statistics.ts";

export type ScalingStreamsOptions = { readonly rounds: number; readonly chunks: number };

const PER_SECOND = 50;
const TTFT_MS = 50;
const RAMP_MS = 400;
/** Carried is what arrives, at the median, within half the time to the next chunk: beyond it, chunks come in pairs. */
const LAG_US_MAX = 10_000;
const FIRST_STREAMS = 100;
const STEP = 1.25;
const STEPS_MAX = 12;
/** A later round begins this many steps under where the first one ended. */
const STEPS_BACK = 3;

type Carried = {
  readonly perSecond: number;
  readonly last: Measured;
  readonly all: readonly Measured[];
};

/** Medians over rounds; the first one only finds where to begin. */
export async function scalingStreams(
  lanes: ReplicaLanes,
  neighbours: readonly Started[],
  { rounds, chunks }: ScalingStreamsOptions,
): Promise<Table> {
  const carried = new Map<ReplicaLane, Carried[]>([[lanes.one, []], [lanes.two, []]]);
  const from = new Map<ReplicaLane, number>();
  let lost = 0;
  for (let round = 0; round < rounds; round++) {
    const inRound = new Map<ReplicaLane, Carried>();
    for (const lane of rotated([lanes.one, lanes.two], round)) {
      const beside = neighboursOf(lane, neighbours);
      const streams = from.get(lane) ?? FIRST_STREAMS * lane.replicas;
      const found = await carriedBy(lane, { streams, chunks, rest: lanes.rest, beside });
      if (found === null) break;
      from.set(lane, Math.ceil(found.perSecond / PER_SECOND / STEP ** STEPS_BACK));
      inRound.set(lane, found);
    }
    if (round === 0) continue;
    const isQuiet = [...inRound.values()].every(({ last }) => !(last.foreign > FOREIGN_MAX));
    if (inRound.size < carried.size || !isQuiet) {
      lost++;
      continue;
    }
    for (const [lane, found] of inRound) carried.get(lane)?.push(found);
  }
  const ones = carried.get(lanes.one) ?? [];
  const rows = [...carried].map(([lane, all]): Row => [
    ...row(lane.name, [median(all.map(({ perSecond }) => perSecond))], 0),
    ...row("", [
      median(all.map(({ perSecond }, i) => perSecond / (ones[i]?.perSecond ?? NaN))),
      median(all.map(({ last }) => last.cpuUs / last.chunks)),
    ], 2).slice(1),
    ...row("", [
      100 * median(all.map(({ last }) => shareOf(last, lane))),
      100 * median(all.map(({ last }) => sleptOf(last))),
      100 * median(all.map(({ last }) => meanBusy(last.busy, DATABASE_CORE))),
      100 * median(all.map(({ last }) => meanBusy(last.busy, lanes.rest))),
    ], 0).slice(1),
    limitedElsewhere(all.map(({ last }) => last), lanes.rest),
  ]);
  return {
    title: `Two replicas over one, chunks, ${sharing(neighbours)}`,
    columns: [
      ...["", "chunks/s carried", "ratio", "CPU µs per chunk", "of its core %", "slept %"],
      ...["database's core %", "engine and load %", "limited elsewhere"],
    ],
    rows,
    notes: [
      `Streams of ${chunks} chunks at ${PER_SECOND} a second, more of them in each step, until a chunk's lag is ${
        LAG_US_MAX / 1_000
      } ms at the median: that rate is what is carried. The shares are those of the last step.`,
      ...lost === 0
        ? []
        : [`Rounds that did not count: ${lost}, for the work of others on the replicas' cores.`],
      ...noiseOf([...carried.values()].flat().flatMap(({ all }) => all)),
    ],
    figures: Object.fromEntries([...carried].map(([{ name }, all]) => [name, all])),
  };
}

/** Adds streams until chunks wait; between the last two steps the rate is interpolated. Null when it does not come to that. */
async function carriedBy(
  lane: ReplicaLane,
  { streams, chunks, rest, beside }: {
    streams: number;
    chunks: number;
    rest: string | null;
    beside: readonly number[];
  },
): Promise<Carried | null> {
  const points: [perSecond: number, lagUs: number][] = [];
  const all: Measured[] = [];
  let [asked, steps] = [streams, 0];
  for (; steps < STEPS_MAX; steps++) {
    // Not again for the noise of others: a round has many steps, and there are more rounds.
    const run = await measureOnce(
      lane,
      {
        ...{ kind: "streams", streams: asked, rampMs: RAMP_MS, watch: lane.pids } as const,
        bench: { chunks, every_ms: 1_000 / PER_SECOND, ttft_ms: TTFT_MS },
      },
      rest,
      beside,
    );
    if (run.whole !== asked) throw new Error(`${lane.name}: ${run.whole} of ${asked} were whole`);
    all.push(run);
    points.push([asked * PER_SECOND, run.lagUs.p50]);
    const perSecond = crossing(points, LAG_US_MAX);
    if (perSecond !== null) return { perSecond, last: run, all };
    if (run.lagUs.p50 >= LAG_US_MAX) {
      // It was over at once: begin lower.
      points.length = 0;
      asked = Math.max(1, Math.round(asked / STEP ** STEPS_BACK));
    } else asked = Math.round(asked * STEP);
  }
  return null;
}
