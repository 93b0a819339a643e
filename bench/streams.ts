/** Many streams at once: CPU per chunk, added time to the first one, added lag, memory; nothing may be incomplete. */
import { FULL, meanBusy } from "./cores.ts";
import { type Bench, measure, type Measured, noiseOf, rotated } from "./lanes.ts";
import { row, type Table } from "./report.ts";
import { median } from "./statistics.ts";

export type StreamsOptions = {
  readonly rounds: number;
  readonly shapes: readonly { streams: number; perSecond: number; chunks: number }[];
};

const TTFT_MS = 50;
const RAMP_MS = 400;

export async function streams(bench: Bench, { rounds, shapes }: StreamsOptions): Promise<Table[]> {
  const lanes = [bench.engine, bench.nginx, bench.emberlane].filter((lane) => lane !== null);
  const tables: Table[] = [];
  for (const shape of shapes) {
    const runs = new Map<string, Measured[]>(lanes.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const lane of rotated(lanes, round)) {
        const run = await measure(lane, {
          kind: "streams",
          streams: shape.streams,
          rampMs: RAMP_MS,
          room: bench.layout.proxy,
          bench: { chunks: shape.chunks, every_ms: 1_000 / shape.perSecond, ttft_ms: TTFT_MS },
        }, bench.layout.load);
        if (run.whole !== shape.streams) {
          throw new Error(`${lane.name}: ${run.whole} of ${shape.streams} streams came whole`);
        }
        if (round > 0) runs.get(lane.name)?.push(run);
      }
    }
    const notes = [...noiseOf([...runs.values()].flat()), ...fullOf(bench, [...runs.values()])];
    tables.push({ ...tableOf(shape, runs), notes });
  }
  return tables;
}

/** Says so when the load or the engine had no room left: what lagged then need not be the proxy. */
function fullOf({ layout }: Bench, lanes: readonly (readonly Measured[])[]): string[] {
  const cores = { engine: layout.engine, load: layout.load };
  return Object.entries(cores).flatMap(([name, core]) => {
    const full = lanes.flat().filter(({ busy }) => meanBusy(busy, core) > FULL).length;
    return full === 0 ? [] : [`The core of the ${name} was full in ${full} slices.`];
  });
}

function tableOf(
  { streams, perSecond, chunks }: StreamsOptions["shapes"][number],
  runs: ReadonlyMap<string, readonly Measured[]>,
): Table {
  const direct = runs.get("direct") ?? [];
  const nginx = runs.get("nginx") ?? [];
  const perChunk = (run: Measured | undefined) => (run?.cpuUs ?? NaN) / (run?.chunks ?? NaN);
  const added = (all: readonly Measured[], of: (run: Measured) => number) =>
    median(all.map((run, i) => of(run) - (direct[i] === undefined ? NaN : of(direct[i])))) / 1_000;
  const lines = [...runs].filter(([name]) => name !== "direct").map(([name, all]) => {
    const figures = {
      cpuUs: median(all.map(perChunk)),
      ratio: median(all.map((run, i) => perChunk(run) / perChunk(nginx[i]))),
      ttftMs: added(all, (run) => run.latencyUs.p50),
      lagP50Ms: added(all, (run) => run.lagUs.p50),
      lagP99Ms: added(all, (run) => run.lagUs.p99),
      lagP99WithRoomMs: added(all, (run) => run.lagWithRoomUs.p99),
      withRoom: median(all.map((run) => run.lagWithRoomUs.n / run.lagUs.n)),
      // Of the core it has: at 1 it is full, and lag is queueing.
      core: median(all.map((run) => run.cpuUs / 1_000_000 / run.seconds)),
      rssMb: median(all.map((run) => run.rssMb)),
    };
    return { name, figures };
  });
  return {
    title: `${streams} streams of ${chunks} chunks at ${perSecond} a second`,
    columns: [
      ...["", "CPU µs per chunk", "× nginx", "added TTFT p50 ms", "added lag p50 ms"],
      ...["added lag p99 ms", "the same while its core had room", "share of chunks then"],
      ...["of a core", "RSS MB"],
    ],
    rows: lines.map(({ name, figures }) => row(name, Object.values(figures), 2)),
    figures: { streams, perSecond, lanes: lines },
  };
}
