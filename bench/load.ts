/**
 * The load, as a process of its own: reads a job (JSON) from its argument, writes the result (JSON) to its output.
 * `deno run -A bench/load.ts '{"kind":"sequential","port":8000,…}'`
 */
import { chatRequest, LoadClient } from "./load_client.ts";
import { nowUs } from "./fast_engine.ts";
import { type Quantiles, quantiles } from "./statistics.ts";

type Bench = { chunks: number; every_ms?: number; ttft_ms?: number };
type Target = { port: number; key: string | null; headers?: Record<string, string> };
export type Job =
  & Target
  & (
    | { kind: "sequential"; requests: number; stream: boolean; bench: Bench }
    | { kind: "open"; perSecond: number; seconds: number; connections: number; bench: Bench }
    | { kind: "closed"; connections: number; seconds: number; bench: Bench }
    | { kind: "streams"; streams: number; rampMs: number; bench: Bench }
    | { kind: "soak"; connections: number; seconds: number; leaveShare: number; bench: Bench }
  );

export type LoadResult = {
  readonly ok: number;
  readonly failed: number;
  readonly seconds: number;
  readonly connections: number;
  /** Ask to the end of a plain answer, or to the first payload of a stream, µs. */
  readonly latencyUs: Quantiles;
  readonly lagUs: Quantiles;
  readonly gapUs: Quantiles;
  readonly chunks: number;
  /** Streams that came whole: every chunk, a finish, usage and [DONE]. */
  readonly whole: number;
  /** Clients that left on purpose. */
  readonly left: number;
};

type Tally = {
  ok: number;
  failed: number;
  whole: number;
  left: number;
  chunks: number;
  latencies: number[];
  lags: number[];
  gaps: number[];
};

function requestOf(job: Job, stream: boolean): string {
  const plain = chatRequest({
    host: `127.0.0.1:${job.port}`,
    key: job.key,
    stream,
    bench: job.bench,
  });
  const more = Object.entries(job.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`);
  return plain.replace("content-type:", `${more.join("")}content-type:`);
}

async function one(
  client: LoadClient,
  request: string,
  tally: Tally,
  stream: boolean,
  chunks: number,
  startUs = nowUs(),
): Promise<void> {
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
  for (const gap of answer.gapsUs) tally.gaps.push(gap);
  const isWhole = answer.chunks === chunks && answer.done && answer.finished && answer.usage;
  if (stream ? isWhole && !answer.error : answer.finished) tally.whole++;
}

async function run(job: Job): Promise<LoadResult> {
  const tally: Tally = {
    ...{ ok: 0, failed: 0, whole: 0, left: 0, chunks: 0, latencies: [], lags: [], gaps: [] },
  };
  const clients: LoadClient[] = [];
  const client = () => {
    const made = new LoadClient(job.port);
    clients.push(made);
    return made;
  };
  const startMs = performance.now();
  const chunks = job.bench.chunks;
  switch (job.kind) {
    case "sequential": {
      const only = client();
      const request = requestOf(job, job.stream);
      for (let i = 0; i < job.requests; i++) await one(only, request, tally, job.stream, chunks);
      break;
    }
    case "closed": {
      const request = requestOf(job, false);
      const endMs = startMs + job.seconds * 1_000;
      await Promise.all(Array.from({ length: job.connections }, async () => {
        const mine = client();
        while (performance.now() < endMs) await one(mine, request, tally, false, chunks);
      }));
      break;
    }
    case "open": {
      const request = requestOf(job, false);
      const idle = Array.from({ length: job.connections }, client);
      const waiting: number[] = [];
      const asked: Promise<void>[] = [];
      const pump = () => {
        while (waiting.length > 0) {
          const mine = idle.pop();
          if (mine === undefined) return;
          // Counted from when it was due: waiting for a connection is waiting.
          asked.push(
            one(mine, request, tally, false, chunks, waiting.shift()).then(() => {
              idle.push(mine);
              pump();
            }),
          );
        }
      };
      let dueMs = startMs;
      const endMs = startMs + job.seconds * 1_000;
      while (dueMs < endMs) {
        const waitMs = dueMs - performance.now();
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
        for (; dueMs <= performance.now() && dueMs < endMs; dueMs += 1_000 / job.perSecond) {
          waiting.push(Math.round((performance.timeOrigin + dueMs) * 1_000));
        }
        pump();
      }
      while (waiting.length > 0) await Promise.race(asked);
      await Promise.all(asked);
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
  for (const each of clients) each.hangUp();
  return {
    ok: tally.ok,
    failed: tally.failed,
    whole: tally.whole,
    left: tally.left,
    chunks: tally.chunks,
    seconds,
    connections: clients.reduce((sum, each) => sum + each.connections, 0),
    latencyUs: quantiles(tally.latencies),
    lagUs: quantiles(tally.lags),
    gapUs: quantiles(tally.gaps),
  };
}

if (import.meta.main) {
  console.log(JSON.stringify(await run(JSON.parse(Deno.args[0] ?? "{}"))));
  Deno.exit();
}
