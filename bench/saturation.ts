/** What a plain request costs when the core is full: CPU per request and requests per core, next to nginx and Portkey. */
import { type Bench, type Lane, measure, rotated, startEmberlane, startPortkey } from "./lanes.ts";
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

/** Requests a second of two replicas on two cores, over one replica on one, in turn. */
export async function scaling(
  bench: Bench,
  { rounds, seconds }: SaturationOptions,
): Promise<Table> {
  const pinned = bench.layout.proxy !== null;
  const one = await startEmberlane(bench.dir, bench.engine.port, pinned ? "0" : null, {
    name: "one-replica",
  });
  const two = await startEmberlane(bench.dir, bench.engine.port, pinned ? "0,3" : null, {
    name: "two-replicas",
    replicas: 2,
  });
  // The second replica starts when the first serves.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const rates = new Map<string, number[]>([[one.name, []], [two.name, []]]);
  for (let round = 0; round < rounds; round++) {
    for (const lane of rotated([one, two], round)) {
      const { ok, failed, seconds: tookS } = await measure(lane, {
        ...{ kind: "closed", connections: 64, seconds, bench: { chunks: 16 } } as const,
      }, bench.layout.load);
      if (failed > 0) throw new Error(`${lane.name} failed ${failed} requests`);
      if (round > 0) rates.get(lane.name)?.push(ok / tookS);
    }
  }
  for (const lane of [one, two]) if (lane.process !== null) await stop(lane.process);
  const [ones, twos] = [rates.get(one.name) ?? [], rates.get(two.name) ?? []];
  const ratio = median(twos.map((rate, i) => rate / (ones[i] ?? NaN)));
  return {
    title: "Two replicas over one, plain requests",
    columns: ["", "requests/s", "ratio"],
    rows: [row("one replica", [median(ones), 1], 2), row("two replicas", [median(twos), ratio], 2)],
    notes: [
      pinned
        ? "Four cores: the second replica shares its core with the database of both."
        : "Processes were not kept to cores.",
    ],
    figures: { ratio, ones, twos },
  };
}
