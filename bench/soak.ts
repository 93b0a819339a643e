/** A long run in which clients keep leaving: memory must not grow, no socket may stay, every request has its row. */
import type { Bench } from "./lanes.ts";
import { measureOnce, startEmberlane } from "./lanes.ts";
import { rssMb, sockets, stop, tree } from "./processes.ts";
import { row, type Table } from "./report.ts";
import { slope } from "./statistics.ts";
import { databaseOf } from "./database.ts";

export type SoakOptions = { readonly seconds: number; readonly connections: number };

const LEAVE_SHARE = 0.3;
const SAMPLE_MS = 1_000;
/** The heap finds its size first; growth counts from here. */
const SETTLE_SHARE = 0.3;
/** Idle connections to the engine are kept for four seconds. */
const DRAIN_MS = 6_000;
const POSTGRES = /postgres/;

export async function soak(bench: Bench, { seconds, connections }: SoakOptions): Promise<Table> {
  const lane = await startEmberlane(bench.dir, bench.engine.port, bench.layout.proxy, {
    name: "soaked",
  });
  const pid = lane.process?.pid ?? 0;
  const ours = () => tree(pid, POSTGRES);
  const socketsBefore = sockets(ours());
  const samples: [seconds: number, mb: number][] = [];
  const startMs = performance.now();
  const timer = setInterval(() => {
    samples.push([(performance.now() - startMs) / 1_000, rssMb(ours())]);
  }, SAMPLE_MS);
  const result = await measureOnce(lane, {
    kind: "soak",
    connections,
    seconds,
    leaveShare: LEAVE_SHARE,
    bench: { chunks: 20, every_ms: 10, ttft_ms: 20 },
  }, bench.layout.load);
  clearInterval(timer);
  await new Promise((resolve) => setTimeout(resolve, DRAIN_MS));
  const socketsLeft = sockets(ours()) - socketsBefore;
  const late = samples.filter(([at]) => at > seconds * SETTLE_SHARE);
  const perMinute = slope(late) * 60;
  const asked = result.ok + result.failed + result.left;
  const rows = await rowsIn(bench.dir);
  if (lane.process !== null) await stop(lane.process);
  const peak = Math.max(...samples.map(([, mb]) => mb));
  return {
    title: `Soak: ${seconds} s, ${connections} connections, ${
      LEAVE_SHARE * 100
    } % of clients leave`,
    columns: ["", ""],
    rows: [
      row("requests", [asked], 0),
      row("of them left on purpose", [result.left], 0),
      row("failed, or cut short unasked", [result.failed + result.ok - result.whole], 0),
      row("usage rows, all closed", [rows.closed], 0),
      row("usage rows still open", [rows.open], 0),
      row("RSS at its most, MB", [peak], 0),
      row("RSS growth after the first third, MB a minute", [perMinute], 2),
      row("sockets left over after 6 s", [Math.max(0, socketsLeft)], 0),
    ],
    notes: [
      "A client that leaves before its request was let in has no row, so rows may be fewer than requests by those.",
    ],
    figures: { asked, ...result, rows, perMinute, peak, socketsLeft, samples },
  };
}

async function rowsIn(dir: string): Promise<{ closed: number; open: number }> {
  await using database = await databaseOf(`${dir}/soaked`);
  const [counts] = await database.sql<{ closed: number; open: number }[]>`
    select count(*) filter (where closed_at is not null)::int as closed,
      count(*) filter (where closed_at is null)::int as open
    from usage
  `;
  return counts ?? { closed: NaN, open: NaN };
}
