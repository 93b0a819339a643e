/**
 * `deno task bench [part …] [--quick]`: measures the gateway next to nginx, a direct call and another gateway, in one
 * run on one machine. Parts: overhead, saturation, streams, scaling, accounting, wake, pages, folds, soak; all by default.
 * `deno task bench serve --url …` speaks vLLM's own benchmark vocabulary to any server.
 *
 * The engine costs next to nothing, the gateway runs as a user runs it (embedded PostgreSQL, keys checked, usage metered,
 * rows durable), each in a process of its own, kept to a core where there are four. Rounds are interleaved and the first
 * is thrown away. Absolute figures drift with the machine: quote ratios of one run.
 */
import { parseArgs } from "node:util";
import { accounting } from "./accounting.ts";
import { folds } from "./folds.ts";
import { type Bench, openBench, warmUp } from "./lanes.ts";
import { overhead } from "./overhead.ts";
import { pages } from "./pages.ts";
import { stopAll } from "./processes.ts";
import { markdownTable, printTable, type Table, withResults } from "./report.ts";
import { saturation } from "./saturation.ts";
import { scaling } from "./scaling.ts";
import { serve } from "./serve.ts";
import { soak } from "./soak.ts";
import { streams } from "./streams.ts";
import { wake } from "./wake.ts";

const RESULTS = new URL("results/", import.meta.url);
const PAGE = new URL("../docs/performance.md", import.meta.url);

type Part = (bench: Bench, quick: boolean) => Promise<readonly Table[]>;

const PARTS: Record<string, Part> = {
  overhead: (bench, quick) =>
    overhead(
      bench,
      quick
        ? { rounds: 2, sets: 2, burstSets: 1, openSets: 1 }
        : { rounds: 4, sets: 63, burstSets: 20, openSets: 10 },
    ),
  saturation: async (bench, quick) => [
    await saturation(bench, quick ? { rounds: 2, seconds: 1 } : { rounds: 8, seconds: 3 }),
  ],
  streams: (bench, quick) =>
    streams(bench, {
      rounds: quick ? 2 : 6,
      shapes: [
        { streams: 100, perSecond: 50, chunks: quick ? 40 : 100 },
        ...(quick ? [] : [{ streams: 1_000, perSecond: 20, chunks: 60 }]),
        { streams: 1_000, perSecond: 50, chunks: quick ? 40 : 100 },
        ...(quick ? [] : [{ streams: 2_000, perSecond: 20, chunks: 60 }]),
      ],
    }),
  scaling: (bench, quick) =>
    scaling(
      bench,
      quick
        ? { rounds: 2, seconds: 1, streams: { rounds: 2, chunks: 20 } }
        : { rounds: 6, seconds: 3, streams: { rounds: 4, chunks: 100 } },
    ),
  accounting: async ({ dir }, quick) => [
    await accounting(dir, quick ? { rounds: 2, seconds: 1 } : { rounds: 6, seconds: 3 }),
  ],
  wake: async ({ dir }, quick) => [await wake(dir, { wakes: quick ? 2 : 10 })],
  pages: (_, quick) =>
    pages(
      quick
        ? { rounds: 2, drawsPerRound: 50, paints: 1 }
        : { rounds: 8, drawsPerRound: 300, paints: 5 },
    ),
  folds: (_, quick) =>
    folds(
      quick
        ? { rounds: 5, sizes: [100_000_000], sample: 50_000 }
        : { rounds: 30, sizes: [1_000_000, 10_000_000, 100_000_000], sample: 1_000_000 },
    ),
  soak: async (bench, quick) => [
    await soak(
      bench,
      quick ? { seconds: 5, connections: 50 } : { seconds: 600, connections: 100 },
    ),
  ],
};

async function main(): Promise<void> {
  if (Deno.args[0] === "serve") return await serve(Deno.args.slice(1));
  const { values: flags, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: { quick: { type: "boolean", default: false } },
  });
  const wanted = positionals.length === 0 ? Object.keys(PARTS) : positionals;
  const unknown = wanted.filter((name) => PARTS[name] === undefined);
  if (unknown.length > 0) {
    console.error(
      `No part ${unknown.join(", ")}: choose of ${Object.keys(PARTS).join(", ")}, serve`,
    );
    Deno.exit(2);
  }
  const dir = await Deno.makeTempDir({ prefix: "emberlane-bench-" });
  const tables: Table[] = [];
  try {
    const bench = await openBench(dir);
    for (const line of bench.missing) console.log(line);
    const lanes = [bench.engine, bench.nginx, bench.emberlane].filter((lane) => lane !== null);
    await warmUp(lanes, bench.layout.load);
    for (const name of wanted) {
      console.log(`\n— ${name} —`);
      const startMs = performance.now();
      for (const table of await PARTS[name]?.(bench, flags.quick) ?? []) {
        printTable(table);
        tables.push(table);
      }
      console.log(`${name} took ${Math.round((performance.now() - startMs) / 1_000)} s`);
    }
    const isWhole = wanted.length === Object.keys(PARTS).length;
    await keep(tables, { quick: flags.quick, isWhole, missing: bench.missing });
  } finally {
    await stopAll();
    await Deno.remove(dir, { recursive: true }).catch(() => {});
  }
}

type Kept = {
  readonly quick: boolean;
  readonly isWhole: boolean;
  readonly missing: readonly string[];
};

/** The file of results, always; the page, after a whole run that was not hurried. */
async function keep(tables: readonly Table[], run: Kept): Promise<void> {
  const at = new Date().toISOString();
  const machine = {
    cores: navigator.hardwareConcurrency,
    os: `${Deno.build.os} ${Deno.build.arch}`,
    deno: Deno.version.deno,
    load: Deno.loadavg(),
  };
  await Deno.mkdir(RESULTS, { recursive: true });
  const file = new URL(`${at.slice(0, 19).replaceAll(":", "-")}.json`, RESULTS);
  await Deno.writeTextFile(file, JSON.stringify({ at, machine, ...run, tables }, null, 1));
  const words = `${machine.cores} cores, Deno ${machine.deno}, ${machine.os}`;
  console.log(`\nMachine: ${words}. Results: ${file.pathname}`);
  if (run.quick || !run.isWhole) return;
  const results = [
    `Measured on ${at.slice(0, 10)}: ${words}, shared and noisy. Ratios are of one run.`,
    "",
    ...run.missing,
    ...tables.map(markdownTable),
  ].join("\n");
  const page = await Deno.readTextFile(PAGE);
  await Deno.writeTextFile(PAGE, withResults(page, results));
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "-q", PAGE.pathname] }).output();
}

if (import.meta.main) {
  await main();
  Deno.exit();
}
