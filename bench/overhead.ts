/** What a gateway adds to a request, over a direct call of the same round: one at a time, and at a fixed rate. */
import { type Bench, type Lane, measure, rotated } from "./lanes.ts";
import { row, type Table } from "./report.ts";
import { median } from "./statistics.ts";

export type OverheadOptions = { readonly rounds: number; readonly requests: number };

/** The engine thinks this long before it answers, as an engine does; the row becomes durable meanwhile. */
const TTFT_MS = 10;
const PER_SECOND = 200;

/** Medians over rounds of what is added over direct; the first round is thrown away. */
export async function overhead(bench: Bench, options: OverheadOptions): Promise<Table[]> {
  const lanes = [bench.engine, bench.emberlane, bench.nginx].filter((lane) => lane !== null);
  const seconds = Math.max(1, options.requests / PER_SECOND);
  const answer = { chunks: 16, ttft_ms: TTFT_MS };
  const kinds = [
    {
      title: "Added to a plain answer, one request at a time",
      work: { kind: "sequential", requests: options.requests, stream: false, bench: answer },
    },
    {
      title: "Added to the first chunk of a stream, one request at a time",
      work: { kind: "sequential", requests: options.requests, stream: true, bench: answer },
    },
    {
      title: `Added to a plain answer at ${PER_SECOND} requests a second, open loop`,
      work: { kind: "open", perSecond: PER_SECOND, seconds, connections: 64, bench: answer },
    },
  ] as const;
  const tables: Table[] = [];
  for (const { title, work } of kinds) {
    const added = await addedOver(
      lanes,
      options.rounds,
      (lane) => measure(lane, work, bench.layout.load),
    );
    tables.push({
      title: `${title} (ms)`,
      columns: ["", "p50", "p95", "p99"],
      rows: added.map(({ name, p50, p95, p99 }) => row(name, [p50, p95, p99], 3)),
      figures: { title, added },
    });
  }
  return tables;
}

type Added = { name: string; p50: number; p95: number; p99: number };

async function addedOver(
  lanes: readonly Lane[],
  rounds: number,
  measured: (lane: Lane) => ReturnType<typeof measure>,
): Promise<Added[]> {
  const over = new Map<string, Omit<Added, "name">[]>();
  for (let round = 0; round < rounds; round++) {
    const times = new Map<string, Omit<Added, "name">>();
    for (const lane of rotated(lanes, round)) {
      const { latencyUs, failed } = await measured(lane);
      if (failed > 0) throw new Error(`${lane.name} failed ${failed} requests`);
      times.set(lane.name, latencyUs);
    }
    const direct = times.get("direct");
    if (round === 0 || direct === undefined) continue;
    for (const [name, { p50, p95, p99 }] of times) {
      const difference = { p50: p50 - direct.p50, p95: p95 - direct.p95, p99: p99 - direct.p99 };
      over.set(name, [...over.get(name) ?? [], difference]);
    }
  }
  over.delete("direct");
  const ms = (all: readonly Omit<Added, "name">[], key: "p50" | "p95" | "p99") =>
    median(all.map((one) => one[key])) / 1_000;
  return [...over].map(([name, all]) => ({
    name,
    p50: ms(all, "p50"),
    p95: ms(all, "p95"),
    p99: ms(all, "p99"),
  }));
}
