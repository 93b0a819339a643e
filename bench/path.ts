/**
 * What a request costs in our own code alone: the whole pipeline in memory, with neither socket nor database, before an
 * engine that answers at once. The figures are this process's CPU time and heap, the better quarter of short slices; run
 * two checkouts in turn to compare.
 * Run with: deno run -A --v8-flags=--max-semi-space-size=32 bench/path.ts [plain | stream] [seconds]
 */
import { Buffer } from "node:buffer";
import process from "node:process";
import { Cancel } from "@/lib/kernel/cancel.ts";
import { answerHead, chunk, wholeAnswer } from "@/lib/gateway/front/answer_bytes.ts";
import { readRequestHead } from "@/lib/gateway/front/request_head.ts";
import { decodeAscii } from "@/lib/kernel/utf8.ts";
import { type GatewayDeps, serve } from "@/lib/gateway/gateway.ts";
import { KEY } from "./lanes.ts";
import { chatRequest } from "./load_client.ts";
import { beat, CHUNKS, depsOf } from "./path_home.ts";

const AT_A_TIME = 32;
const WARM_UP_MS = 1_500;
const SLICE_MS = 50;
const HEAP_SLICE_MS = 2;

/** One request as a client's connection has it; answers the characters written. */
async function one(deps: GatewayDeps, request: Buffer): Promise<number> {
  const text = decodeAscii(request) ?? "";
  const head = readRequestHead(text);
  if (head.kind !== "plain") throw new Error(head.kind);
  const body = text.slice(head.bodyStart);
  const inbound = { headers: head.headers, signal: new Cancel(), body: () => body };
  const answer = await serve(deps, inbound, head.route);
  if (answer.status !== 200) throw new Error(JSON.stringify(answer));
  const manners = { keepAlive: true, date: "Sat, 21 Nov 2026 10:00:00 GMT" };
  const { status, headers, body: given } = answer;
  if (typeof given === "string") {
    const text = wholeAnswer(given, { status, headers, ...manners });
    answer.after?.();
    return Buffer.byteLength(text);
  }
  let written = answerHead({ status, headers, length: null, ...manners }).length;
  for (let last = false; !last;) {
    const next = given.next();
    const piece = next instanceof Promise ? await next : next;
    last = piece.last;
    written += chunk(piece.text).length;
  }
  return written;
}

async function main([kind = "plain", seconds = "4"]: string[]): Promise<void> {
  const isStream = kind === "stream";
  const deps = depsOf(isStream);
  const request = Buffer.from(
    chatRequest({ host: "127.0.0.1:8000", key: KEY, stream: isStream, bench: { chunks: CHUNKS } }),
  );
  let done = 0;
  let running = true;
  const lane = async () => {
    while (running) {
      await one(deps, Buffer.from(request));
      done++;
    }
  };
  const lanes = Array.from({ length: AT_A_TIME }, lane);
  beat();
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  const costs: number[] = [];
  const bytes: number[] = [];
  for (let slices = Number(seconds) * 1_000 / SLICE_MS; slices > 0; slices--) {
    const [before, doneBefore] = [process.cpuUsage(), done];
    await new Promise((resolve) => setTimeout(resolve, SLICE_MS));
    const { user, system } = process.cpuUsage(before);
    costs.push((user + system) / (done - doneBefore));
    const [heap, from] = [process.memoryUsage().heapUsed, done];
    await new Promise((resolve) => setTimeout(resolve, HEAP_SLICE_MS));
    const more = process.memoryUsage().heapUsed - heap;
    if (more > 0) bytes.push(more / (done - from));
  }
  running = false;
  await Promise.all(lanes);
  console.log(
    `${kind}: ${quarter(costs).toFixed(2)} µs, ${quarter(bytes).toFixed(0)} bytes of heap`,
  );
  Deno.exit();
}

const quarter = (all: readonly number[]): number =>
  all.toSorted((a, b) => a - b)[Math.floor(all.length / 4)] ?? Number.NaN;

if (import.meta.main) await main(Deno.args);
