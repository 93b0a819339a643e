/**
 * What a request and a chunk cost on the way from an engine to us: our own HTTP/1.1 client beside `fetch`.
 * Both run in this process in turn, against a mock in another; the figure is this process's CPU time per unit.
 * Run with: deno run -A bench/upstream.ts
 */
import process from "node:process";
import { millis } from "@/lib/kernel/clock.ts";
import type { Upstream, UpstreamRequest } from "@/lib/engine/upstream.ts";
import { openFetchUpstream } from "@/lib/engine/upstream_fetch.ts";
import { openHttp1Upstream } from "@/lib/engine/upstream_http1.ts";

const ROUNDS = 7; // the first is discarded
const SLICE_MS = 1_500;
const TIMEOUT = millis(30_000);
const CHUNK =
  `data: {"id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk","created":1755000000,"model":"m","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null,"token_ids":null}]}\n\n`;
const ANSWER = JSON.stringify({ id: "cmpl-1", text: "x".repeat(900) });

type Load = { readonly name: string; run(upstream: Upstream, url: URL): Promise<number> };

const streams = (count: number, perSecond: number): Load => ({
  name: `chunk, ${count} streams × ${perSecond}/s`,
  async run(upstream, url) {
    const everyMs = 1_000 / perSecond;
    const chunks = Math.round(SLICE_MS / everyMs);
    const target = new URL(`/stream?chunks=${chunks}&every=${everyMs}`, url);
    const done = await Promise.all(Array.from({ length: count }, () => drain(upstream, target)));
    const bytes = done.reduce((a, b) => a + b, 0);
    if (bytes !== count * chunks * CHUNK.length) throw new Error(`a stream came short: ${bytes}`);
    return count * chunks;
  },
});

const requests = (lanes: number): Load => ({
  name: `request of 1 KB, ${lanes} at a time`,
  async run(upstream, url) {
    const end = performance.now() + SLICE_MS;
    let count = 0;
    const lane = async () => {
      while (performance.now() < end) {
        const bytes = await drain(upstream, new URL("/answer", url));
        if (bytes !== ANSWER.length) throw new Error(`an answer came short: ${bytes}`);
        count++;
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return count;
  },
});

async function drain(upstream: Upstream, url: URL): Promise<number> {
  const request: UpstreamRequest = {
    url,
    method: "POST",
    headers: [["content-type", "application/json"], ["x-request-id", "req_1"]],
    body: new TextEncoder().encode(ANSWER),
    signal: new AbortController().signal,
    connectTimeoutMs: TIMEOUT,
    headersTimeoutMs: TIMEOUT,
  };
  const { body } = await upstream.send(request);
  let bytes = 0;
  for (let piece = await body.read(); piece !== null; piece = await body.read()) {
    bytes += piece.length;
  }
  return bytes;
}

/** The mock: keeps every stream on its own clock, and writes one chunk a tick. */
async function mock(): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  console.log(listener.addr.port);
  for await (const conn of listener) serve(conn).catch(() => {});
}

async function serve(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay(true);
  const text = new TextEncoder();
  const buffer = new Uint8Array(64 * 1024);
  const send = async (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
  };
  const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n";
  const answer = text.encode(`${head}content-length: ${ANSWER.length}\r\n\r\n${ANSWER}`);
  const chunk = text.encode(`${CHUNK.length.toString(16)}\r\n${CHUNK}\r\n`);
  for (let held = "";;) {
    const count = await conn.read(buffer);
    if (count === null) return conn.close();
    held += new TextDecoder().decode(buffer.subarray(0, count));
    const end = held.indexOf("\r\n\r\n") + 4;
    if (end < 4 || held.length < end + ANSWER.length) continue;
    const [, chunks, every] = /chunks=(\d+)&every=([\d.]+)/.exec(held) ?? [];
    held = "";
    if (chunks === undefined) {
      await send(answer);
      continue;
    }
    await send(text.encode(`${head}transfer-encoding: chunked\r\n\r\n`));
    const start = performance.now() + Math.random() * Number(every);
    for (let i = 0; i < Number(chunks); i++) {
      const waitMs = start + i * Number(every) - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      await send(chunk);
    }
    await send(text.encode("0\r\n\r\n"));
  }
}

async function main(): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.filename ?? "", "mock"],
    stdout: "piped",
  }).spawn();
  const { value } = await child.stdout.getReader().read();
  const url = new URL(`http://127.0.0.1:${Number(new TextDecoder().decode(value))}`);
  const clients: [string, Upstream][] = [
    ["fetch", openFetchUpstream()],
    ["http1", openHttp1Upstream()],
  ];
  console.log(
    "CPU µs per unit, median of rounds (least to most); ratio is the median of http1 ÷ fetch",
  );
  for (const load of [requests(16), streams(100, 50), streams(1_000, 10), streams(500, 50)]) {
    const costs = new Map(clients.map(([name]) => [name, [] as number[]]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, upstream] of round % 2 === 0 ? clients : clients.toReversed()) {
        const before = process.cpuUsage();
        const units = await load.run(upstream, url);
        const { user, system } = process.cpuUsage(before);
        if (round > 0) costs.get(name)?.push((user + system) / units);
      }
    }
    const [ours, theirs] = [costs.get("http1") ?? [], costs.get("fetch") ?? []];
    const ratio = median(ours.map((cost, i) => cost / (theirs[i] ?? Number.NaN)));
    console.log(
      `${load.name}: fetch ${shown(theirs)}, http1 ${shown(ours)}, ratio ${ratio.toFixed(2)}`,
    );
  }
  for (const [, upstream] of clients) upstream.close();
  child.kill("SIGKILL");
  await child.status;
  Deno.exit();
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function shown(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(1)} (${least.toFixed(1)}–${most.toFixed(1)})`;
}

if (import.meta.main) await (Deno.args[0] === "mock" ? mock() : main());
