/** What a plain request costs when the core is full: CPU per request and requests per core, next to nginx and Portkey. */
import { FULL, fullInsteadOf, meanBusy } from "./cores.ts";
import {
  type Bench,
  DATABASE_CORE,
  type Lane,
  measure,
  type Measured,
  noiseOf,
  rotated,
  startPortkey,
} from "./lanes.ts";
import { type Row, row, type Table } from "./report.ts";
import { stop } from "./processes.ts";
import { median } from "./statistics.ts";

export type SaturationOptions = { readonly rounds: number; readonly seconds: number };

const CONNECTIONS = 32;

type Cost = {
  cpuUs: number;
  databaseUs: number;
  perSecond: number;
  perCore: number;
  /** The cores that were full while the proxy's was not: then requests a second are not the proxy's limit. */
  limitedBy: readonly string[];
  run: Measured;
};

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
    const limited = all.filter(({ limitedBy }) => limitedBy.length > 0).length;
    const figures = [
      median(all.map(({ cpuUs }) => cpuUs)),
      median(all.map(({ databaseUs }) => databaseUs)),
      ratio,
      median(all.map(({ perSecond }) => perSecond)),
      median(all.map(({ perCore }) => perCore)),
    ];
    return [...row(name, figures, 2), `${limited} of ${all.length}`];
  });
  const elsewhere = [...costs].flatMap(([name, all]) =>
    [...new Set(all.flatMap(({ limitedBy }) => limitedBy))].map((what) =>
      `${name}: not limited by the proxy in some rounds, for the core of the ${what} was full.`
    )
  );
  return {
    title: `Plain requests of 1 KB, ${CONNECTIONS} at a time, the proxy on one core`,
    columns: [
      "",
      "CPU µs",
      "database µs",
      "× nginx",
      "requests/s",
      "requests per core·s",
      "limited elsewhere",
    ],
    rows,
    notes: [
      ...typeof portkey === "string" ? [portkey] : [],
      ...elsewhere,
      ...noiseOf([...costs.values()].flat().map(({ run }) => run)),
    ],
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
      const run = await measure(lane, work, bench.layout.load);
      const { ok, failed, cpuUs, databaseCpuUs, seconds, busy } = run;
      if (failed > 0) throw new Error(`${lane.name} failed ${failed} of ${ok + failed} requests`);
      if (round === 0) continue;
      costs.get(lane.name)?.push({
        cpuUs: cpuUs / ok,
        databaseUs: databaseCpuUs / ok,
        perSecond: ok / seconds,
        perCore: ok / (cpuUs / 1_000_000),
        limitedBy: fullInsteadOf(meanBusy(busy, lane.cores) > FULL, busy, {
          ...{ engine: bench.layout.engine, load: bench.layout.load },
          database: bench.layout.proxy === null ? null : DATABASE_CORE,
        }),
        run,
      });
    }
  }
  return costs;
}
