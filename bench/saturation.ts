/** What a plain request costs when the core is full: CPU per request and requests per core, next to nginx and Portkey. */
import {
  type Bench,
  type Lane,
  measure,
  rotated,
  startEmberlane,
  startEngine,
  startPortkey,
} from "./lanes.ts";
import { type Row, row, type Table } from "./report.ts";
import { stop } from "./processes.ts";
import { median } from "./statistics.ts";

export type SaturationOptions = { readonly rounds: number; readonly seconds: number };

const CONNECTIONS = 32;

type Cost = { cpuUs: number; databaseUs: number; perSecond: number; perCore: number };

/** CPU µs per request, and what one core carries; ratios are medians of ratios of one round. */
export async function saturation(bench: Bench, options: SaturationOptions): Promise<Table> {
  const portkey = await startPortkey(bench.dir, bench.engine.port, bench.layout.proxy);
  const lanes = [bench.nginx, bench.emberlane, typeof portkey === "string" ? null : portkey]
    .filter((lane) => lane !== null);
  const costs = await costsOf(bench, lanes, options);
  if (typeof portkey !== "string" && portkey.process !== null) await stop(portkey.process);
  const nginx = costs.get("nginx") ?? null;
  const rows: Row[] = [...costs].map(([name, all]) => {
    const ratio = nginx === null ? NaN : median(
      all.map(({ cpuUs }, i) => cpuUs / (nginx[i]?.cpuUs ?? NaN)),
    );
    return row(name, [
      median(all.map(({ cpuUs }) => cpuUs)),
      median(all.map(({ databaseUs }) => databaseUs)),
      ratio,
      median(all.map(({ perSecond }) => perSecond)),
      median(all.map(({ perCore }) => perCore)),
    ], 2);
  });
  return {
    title: `Plain requests of 1 KB, ${CONNECTIONS} at a time, the proxy on one core`,
    columns: ["", "CPU µs", "database µs", "× nginx", "requests/s", "requests per core·s"],
    rows,
    notes: typeof portkey === "string" ? [portkey] : [],
    figures: Object.fromEntries(costs),
  };
}

async function costsOf(
  bench: Bench,
  lanes: readonly Lane[],
  { rounds, seconds }: SaturationOptions,
): Promise<Map<string, Cost[]>> {
  const costs = new Map<string, Cost[]>(lanes.map(({ name }) => [name, []]));
  const work = {
    kind: "closed",
    connections: CONNECTIONS,
    seconds,
    bench: { chunks: 16 },
  } as const;
  for (let round = 0; round < rounds; round++) {
    for (const lane of rotated(lanes, round)) {
      const { ok, failed, cpuUs, databaseCpuUs, ...result } = await measure(
        lane,
        work,
        bench.layout.load,
      );
      if (failed > 0) throw new Error(`${lane.name} failed ${failed} of ${ok + failed} requests`);
      if (round === 0) continue;
      costs.get(lane.name)?.push({
        cpuUs: cpuUs / ok,
        databaseUs: databaseCpuUs / ok,
        perSecond: ok / result.seconds,
        perCore: ok / (cpuUs / 1_000_000),
      });
    }
  }
  return costs;
}

/** On four cores: two for replicas, one for the database (`lanes.ts`), one for the engine and the load together. */
const REPLICA_CORES = "0,1";
const ENGINE_AND_LOAD_CORE = "2";
/** The second replica starts when the first serves. */
const SECOND_REPLICA_MS = 5_000;

/** Requests a second of two replicas on two cores, over one replica on one, in turn. */
export async function scaling(
  bench: Bench,
  { rounds, seconds }: SaturationOptions,
): Promise<Table> {
  const pinned = bench.layout.proxy !== null;
  const at = (cores: string) => pinned ? cores : null;
  const engine = await startEngine(at(ENGINE_AND_LOAD_CORE));
  const one = await startEmberlane(bench.dir, engine.port, at("0"), { name: "one-replica" });
  const two = await startEmberlane(bench.dir, engine.port, at(REPLICA_CORES), {
    name: "two-replicas",
    replicas: 2,
  });
  await new Promise((resolve) => setTimeout(resolve, SECOND_REPLICA_MS));
  const costs = new Map<string, Cost[]>([[one.name, []], [two.name, []]]);
  for (let round = 0; round < rounds; round++) {
    for (const lane of rotated([one, two], round)) {
      const { ok, failed, cpuUs, databaseCpuUs, seconds: tookS } = await measure(lane, {
        ...{ kind: "closed", connections: 64, seconds, bench: { chunks: 16 } } as const,
      }, at(ENGINE_AND_LOAD_CORE));
      if (failed > 0) throw new Error(`${lane.name} failed ${failed} requests`);
      if (round === 0) continue;
      costs.get(lane.name)?.push({
        ...{ cpuUs: cpuUs / ok, databaseUs: databaseCpuUs / ok },
        ...{ perSecond: ok / tookS, perCore: ok / (cpuUs / 1_000_000) },
      });
    }
  }
  for (const { process } of [one, two, engine]) if (process !== null) await stop(process);
  const [ones, twos] = [costs.get(one.name) ?? [], costs.get(two.name) ?? []];
  const ratio = median(twos.map((cost, i) => cost.perSecond / (ones[i]?.perSecond ?? NaN)));
  const line = (name: string, all: readonly Cost[], ratio: number) =>
    row(name, [
      ...[median(all.map(({ perSecond }) => perSecond)), ratio],
      ...[median(all.map(({ cpuUs }) => cpuUs)), median(all.map(({ databaseUs }) => databaseUs))],
    ], 2);
  return {
    title: "Two replicas over one, plain requests",
    columns: ["", "requests/s", "ratio", "CPU µs", "database µs"],
    rows: [line("one replica", ones, 1), line("two replicas", twos, ratio)],
    notes: [
      pinned
        ? "Four cores: each replica has one, the database one, the engine and the load share one."
        : "Processes were not kept to cores.",
    ],
    figures: { ratio, ones, twos },
  };
}
