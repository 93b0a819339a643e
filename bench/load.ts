/**
 * The load, as a process of its own: reads a job (JSON) from its argument, writes the result (JSON) to its output.
 * `deno run -A bench/load.ts '{"kind":"sequential","port":8000,…}'`
 */
import { type Busy, busyBetween, coreTimes } from "./cores.ts";
import { nowUs } from "./fast_engine.ts";
import { chatRequest, LoadClient, type Wish } from "./load_client.ts";
import { mainThreads } from "./processes.ts";
import { watchRoom, whileRoom } from "./room.ts";
import { type Quantiles, quantiles } from "./statistics.ts";

type Target = {
  port: number;
  key: string | null;
  headers?: Record<string, string>;
  /** Processes whose main threads are watched meanwhile. */
  watch?: readonly number[];
  /** The proxy's cores: lag while they had room is told apart. */
  room?: string | null;
};
export type Job =
  & Target
  & (
    | { kind: "closed"; connections: number; seconds: number; bench: Wish }
    | { kind: "streams"; streams: number; rampMs: number; bench: Wish }
    | { kind: "soak"; connections: number; seconds: number; leaveShare: number; bench: Wish }
  );

export type LoadResult = {
  readonly ok: number;
  readonly failed: number;
  readonly seconds: number;
  readonly connections: number;
  /** Ask to the end of a plain answer, or to the first payload of a stream, µs. */
  readonly latencyUs: Quantiles;
  readonly lagUs: Quantiles;
  /** Of the chunks that came while the proxy's core had room. */
  readonly lagWithRoomUs: Quantiles;
  readonly gapUs: Quantiles;
  readonly chunks: number;
  /** Streams that came whole: every chunk, a finish, usage and [DONE]. */
  readonly whole: number;
  /** Clients that left on purpose. */
  readonly left: number;
  /** The cores of the machine during the job. */
  readonly busy: Busy;
  /** The mean share of the job's time in which a watched thread ran, and in which it wanted to but another did. */
  readonly ran: number;
  readonly waited: number;
};

type Tally = {
  ok: number;
  failed: number;
  whole: number;
  left: number;
  chunks: number;
  latencies: number[];
  lags: number[];
  lagsAt: number[];
  gaps: number[];
};

function requestOf({ port, key, bench, headers }: Job, stream: boolean): string {
  return chatRequest({
    host: `127.0.0.1:${port}`,
    ...{ key, stream, bench, headers },
  });
}

async function one(
  client: LoadClient,
  request: string,
  tally: Tally,
  stream: boolean,
  chunks: number,
): Promise<void> {
  const startUs = nowUs();
  const answer = await client.ask(request);
  const endUs = nowUs();
  if (answer.status !== 200) {
    tally.failed++;
    return;
  }
  tally.ok++;
  tally.latencies.push((stream ? answer.firstUs : endUs) - startUs);
  tally.chunks += answer.chunks;
  for (const lag of answer.lagsUs) tally.lags.push(lag);
  for (const at of answer.lagsAtUs) tally.lagsAt.push(at);
  for (const gap of answer.gapsUs) tally.gaps.push(gap);
  const isWhole = answer.chunks === chunks && answer.done && answer.finished && answer.usage;
  if (stream ? isWhole && !answer.error : answer.finished) tally.whole++;
}

async function run(job: Job): Promise<LoadResult> {
  const tally: Tally = {
    ...{ ok: 0, failed: 0, whole: 0, left: 0, chunks: 0, latencies: [], lags: [] },
    ...{ lagsAt: [], gaps: [] },
  };
  const clients: LoadClient[] = [];
  const client = () => {
    const made = new LoadClient(job.port);
    clients.push(made);
    return made;
  };
  const watched = () => mainThreads(job.watch ?? []);
  const stretches = watchRoom(job.room ?? null);
  const [coresBefore, threadsBefore] = [coreTimes(), watched()];
  const startMs = performance.now();
  const chunks = job.bench.chunks;
  switch (job.kind) {
    case "closed": {
      const request = requestOf(job, false);
      const endMs = startMs + job.seconds * 1_000;
      await Promise.all(Array.from({ length: job.connections }, async () => {
        const mine = client();
        while (performance.now() < endMs) await one(mine, request, tally, false, chunks);
      }));
      break;
    }
    case "streams": {
      const request = requestOf(job, true);
      await Promise.all(Array.from({ length: job.streams }, async (_, i) => {
        await new Promise((resolve) => setTimeout(resolve, (i * job.rampMs) / job.streams));
        await one(client(), request, tally, true, chunks);
      }));
      break;
    }
    case "soak": {
      const endMs = startMs + job.seconds * 1_000;
      const request = requestOf(job, true);
      let turn = 0;
      await Promise.all(Array.from({ length: job.connections }, async () => {
        const mine = client();
        while (performance.now() < endMs) {
          // Evenly spread, so that every run leaves as often.
          const leaves = (turn * job.leaveShare) % 1 + job.leaveShare >= 1;
          turn++;
          if (!leaves) {
            await one(mine, request, tally, true, chunks);
            continue;
          }
          const answered = mine.ask(request);
          const afterMs = (turn * 37) % Math.max(1, (job.bench.every_ms ?? 1) * chunks);
          await new Promise((resolve) => setTimeout(resolve, afterMs));
          mine.hangUp();
          await answered;
          tally.left++;
        }
      }));
      break;
    }
  }
  const seconds = (performance.now() - startMs) / 1_000;
  const [cores, threads] = [coreTimes(), watched()];
  const share = (key: "ranUs" | "waitedUs") =>
    (threads[key] - threadsBefore[key]) / (seconds * 1_000_000) / (job.watch?.length ?? NaN);
  for (const each of clients) each.hangUp();
  return {
    busy: busyBetween(coresBefore, cores),
    ran: share("ranUs"),
    waited: share("waitedUs"),
    ok: tally.ok,
    failed: tally.failed,
    whole: tally.whole,
    left: tally.left,
    chunks: tally.chunks,
    seconds,
    connections: clients.reduce((sum, each) => sum + each.connections, 0),
    latencyUs: quantiles(tally.latencies),
    lagUs: quantiles(tally.lags),
    lagWithRoomUs: quantiles(whileRoom(tally.lags, tally.lagsAt, stretches())),
    gapUs: quantiles(tally.gaps),
  };
}

if (import.meta.main) {
  console.log(JSON.stringify(await run(JSON.parse(Deno.args[0] ?? "{}"))));
  Deno.exit();
}
