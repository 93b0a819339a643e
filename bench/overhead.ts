/** What a gateway adds to a request, over a direct call of the same moment: one at a time, and at a fixed rate. */
import { type Bench, type Lane, treeOf } from "./lanes.ts";
import type { Wish } from "./load_client.ts";
import { output } from "./processes.ts";
import { type Row, row, type Table } from "./report.ts";
import { addedOver, median } from "./statistics.ts";
import type { Turns, TurnsJob, TurnsResult } from "./turns.ts";

export type OverheadOptions = {
  readonly rounds: number;
  /** Sets of a round, one request at a time; 32 requests of each lane in a set. */
  readonly sets: number;
  /** Sets of a round of bursts; 500 requests of each lane in a set. */
  readonly burstSets: number;
  /** Sets of a round at the fixed rate; one second of each lane in a set. */
  readonly openSets: number;
};

/** The engine thinks this long before it answers, as an engine does; the row becomes durable meanwhile. */
const TTFT_MS = 10;
const PER_SECOND = 200;
/** About a second for three lanes. */
const TURNS = 32;
/** As many one after the other as published comparisons of gateways ask, of an engine that answers at once. */
const BURST = 25;
const BURST_TURNS = 20;
/** Of the first round, which is thrown away. */
const FIRST_SETS = 4;
const AT_ONCE = { chunks: 16, ttft_ms: 0 };
const ANSWER = { chunks: 16, ttft_ms: TTFT_MS };

/** Medians over rounds of what is added over direct; the first round is thrown away. */
export async function overhead(bench: Bench, options: OverheadOptions): Promise<Table[]> {
  const kinds: readonly { title: string; work: Turns; sets: number; answer: Wish }[] = [
    {
      title: `Added to a plain answer, ${BURST} requests one after the other`,
      work: { kind: "sequential", turns: BURST_TURNS, burst: BURST, stream: false },
      ...{ sets: options.burstSets, answer: AT_ONCE },
    },
    {
      title: "Added to a plain answer, one request now and then",
      work: { kind: "sequential", turns: TURNS, burst: 1, stream: false },
      ...{ sets: options.sets, answer: ANSWER },
    },
    {
      title: "Added to the first chunk of a stream, one request now and then",
      work: { kind: "sequential", turns: TURNS, burst: 1, stream: true },
      ...{ sets: options.sets, answer: ANSWER },
    },
    {
      title: `Added to a plain answer at ${PER_SECOND} requests a second, open loop`,
      work: { kind: "open", perSecond: PER_SECOND, seconds: 1, connections: 64 },
      ...{ sets: options.openSets, answer: ANSWER },
    },
  ];
  const tables: Table[] = [];
  for (const { title, work, sets, answer } of kinds) {
    const rounds: TurnsResult[] = [];
    for (let round = 0; round < options.rounds; round++) {
      const some = round === 0 ? Math.min(sets, FIRST_SETS) : sets;
      const result = await turnsOf(bench, work, answer, some);
      if (round > 0) rounds.push(result);
    }
    tables.push(tableOf(title, rounds, sets));
  }
  return tables;
}

async function turnsOf(
  bench: Bench,
  work: Turns,
  answer: Wish,
  sets: number,
): Promise<TurnsResult> {
  const lanes = [bench.engine, bench.emberlane, bench.nginx].filter((lane) => lane !== null);
  const proxies = [bench.emberlane, bench.nginx].filter((lane): lane is Lane => lane !== null);
  const core = bench.layout.proxy;
  const job: TurnsJob = {
    lanes: lanes.map(({ name, port, key }) => ({ name, port, key })),
    ...{ work, sets, bench: answer },
    watch: core === null ? null : { core, pids: proxies.flatMap((lane) => treeOf(lane).ours) },
  };
  const file = new URL("turns.ts", import.meta.url).pathname;
  const command = [Deno.execPath(), "run", "-A", file, JSON.stringify(job)];
  return JSON.parse(await output(bench.layout.load, command)) as TurnsResult;
}

function tableOf(title: string, rounds: readonly TurnsResult[], sets: number): Table {
  const names = Object.keys(rounds[0]?.latencyUs ?? {}).filter((name) => name !== "direct");
  const added = names.map((name) => ({
    name,
    rounds: rounds.flatMap(({ latencyUs: { direct, [name]: lane } }) =>
      direct === undefined || lane === undefined ? [] : [addedOver(lane, direct)]
    ),
  }));
  const rows = added.map(({ name, rounds }): Row => {
    const of = (key: "p50" | "p95" | "p99") => rounds.map((one) => one[key] / 1_000);
    const p99s = of("p99");
    const spread = `${Math.min(...p99s).toFixed(2)} to ${Math.max(...p99s).toFixed(2)}`;
    return [...row(name, [median(of("p50")), median(of("p95")), median(p99s)], 3), spread];
  });
  const sum = (key: "repeats" | "noisy") => rounds.reduce((all, round) => all + round[key], 0);
  const requests = rounds[0]?.latencyUs["direct"]?.n ?? 0;
  return {
    title: `${title} (ms)`,
    columns: ["", "p50", "p95", "p99", "p99 of single rounds"],
    rows,
    notes: [
      `${rounds.length} rounds of ${requests} requests a lane. Of ${rounds.length * sets} sets, ${
        sum("repeats")
      } were taken again because others were on the proxy's core, ${
        sum("noisy")
      } kept all the same.`,
    ],
    figures: { title, added, rounds },
  };
}
