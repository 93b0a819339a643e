import assert from "node:assert/strict";
import { Cancel } from "@/lib/kernel/cancel.ts";
import { manualClock, millis } from "@/lib/kernel/clock.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import { UpstreamCut } from "@/lib/engine/upstream.ts";
import { settled, stateOf, targetsOf } from "./acquire_testing.ts";
import { AttemptLimits } from "./attempt_limits.ts";
import { AnswerStream, type StreamRecord } from "./answer_stream.ts";
import { chunkMeter } from "./chunk_meter.ts";
import { EventSplitter } from "./event_splitter.ts";
import type { Ending } from "./request_record.ts";
import { StallWatch } from "./stall_watch.ts";

const [target] = targetsOf({ spot: `limits: { first_token: 5s, stall: 10s, total: 60s },` });
const chunk = (delta: string, reason: string | null = null) =>
  `data: {"model":"m","choices":[{"index":0,"delta":{${delta}},"finish_reason":${
    JSON.stringify(reason)
  }}]}\n\n`;
const HI = chunk(`"content":"Hi"`);
const STOP = chunk("", "stop");
const DONE = "data: [DONE]\n\n";

/** A stream that has just begun; `say` hands it bytes, null for the clean end. */
function begun(opening = HI) {
  const clock = manualClock();
  const stalls = new StallWatch(clock);
  const endings: Ending[] = [];
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => {});
  assert.ok(target !== undefined);
  const limits = new AttemptLimits({ clock, stalls }, target.tier, new Cancel());
  limits.signal.addEventListener("abort", () => aborted.reject(limits.signal.reason));
  const queue: (Uint8Array<ArrayBuffer> | null | Error)[] = [];
  let arrive = Promise.withResolvers<void>();
  let cancelled = 0;
  async function read(): Promise<Uint8Array<ArrayBuffer> | null> {
    while (queue.length === 0) await Promise.race([arrive.promise, aborted.promise]);
    const next = queue.shift() ?? null;
    if (next instanceof Error) throw next;
    return next;
  }
  const record: StreamRecord = { end: (ending) => void endings.push(ending) };
  const stopping = new Cancel();
  const meter = chunkMeter({
    publicModel: "m",
    wantsUsage: false,
    wantsRunningUsage: false,
    choices: 1,
  });
  for (const event of new EventSplitter().push(new TextEncoder().encode(opening))) {
    meter.read(event);
  }
  const stream = new AnswerStream({
    limits,
    meter,
    splitter: new EventSplitter(),
    body: { read, cancel: () => void cancelled++, async *[Symbol.asyncIterator]() {} },
    opening,
    failure: null,
  }, {
    clock,
    tier: target.tier,
    kind: "chunks",
    requestId: "r",
    record,
    stopping,
  });
  return {
    clock,
    stream,
    stalls,
    endings,
    stopping,
    release: () => limits.release(),
    cancelled: () => cancelled,
    abort: (reason: AppError) => limits.abort(reason),
    say(piece: string | null | Error) {
      queue.push(typeof piece === "string" ? new TextEncoder().encode(piece) : piece);
      arrive.resolve();
      arrive = Promise.withResolvers();
    },
  };
}

const codeIn = (text: string): unknown => JSON.parse(text.slice("data: ".length)).error.code;

Deno.test("AnswerStream sends the opening, then what each read completed, then the end marker", async () => {
  const { stream, say, endings } = begun();
  assert.deepEqual(await stream.next(), { text: HI, last: false });
  say(HI.slice(0, 20));
  say(HI.slice(20) + STOP + DONE);
  assert.deepEqual(await stream.next(), { text: HI + STOP, last: false });
  say(null);
  assert.deepEqual(await stream.next(), { text: DONE, last: true });
  assert.deepEqual(
    endings.map(({ ended, status, finishReason }) => [ended, status, finishReason]),
    [
      ["complete", 200, "stop"],
    ],
  );
});

Deno.test("AnswerStream adds the end marker that an engine left out, or did not end with a blank line", async () => {
  for (const tail of ["", "data: [DONE]", "data: [DONE]\n"]) {
    const { stream, say, endings } = begun();
    await stream.next();
    say(STOP + tail);
    say(null);
    await stream.next();
    assert.deepEqual(await stream.next(), { text: DONE, last: true }, JSON.stringify(tail));
    assert.equal(endings[0]?.ended, "complete");
  }
});

Deno.test("AnswerStream calls a clean end without finish, or within an event, truncated", async () => {
  for (const tail of ["", DONE, STOP.slice(0, -1) + "x", STOP + HI.slice(0, 30)]) {
    const { stream, say, endings, release } = begun();
    await stream.next();
    if (tail !== "") say(tail);
    say(null);
    let piece = await stream.next();
    if (!piece.last) piece = await stream.next();
    assert.equal(piece.last, true);
    assert.equal(codeIn(piece.text), "upstream_error", JSON.stringify(tail));
    assert.deepEqual(endings.map(({ ended }) => ended), ["truncated"]);
    release();
  }
});

Deno.test("AnswerStream tells a connection that breaks in one error event", async () => {
  const { stream, say, endings } = begun();
  await stream.next();
  say(new UpstreamCut("gone"));
  const { text, last } = await stream.next();
  assert.deepEqual([codeIn(text), last], ["upstream_error", true]);
  assert.deepEqual(endings.map(({ ended, status }) => [ended, status]), [["upstream_failed", 502]]);
});

Deno.test("AnswerStream ends an engine silent for the stall limit, comments or not, not a moment before", async () => {
  const { stream, say, endings, clock, stalls } = begun();
  await stream.next();
  const first = stream.next();
  clock.advance(millis(6_000));
  say(": still here\n\n");
  assert.equal((await first).text, ": still here\n\n");
  const next = stream.next();
  clock.advance(millis(3_999));
  stalls.look();
  assert.deepEqual(endings, []);
  clock.advance(millis(1));
  stalls.look();
  const state = await stateOf(Promise.resolve(next));
  assert.ok(state.kind === "done", "it goes on waiting");
  assert.equal(codeIn(state.value.text), "upstream_timeout");
  assert.deepEqual(endings.map(({ ended, status }) => [ended, status]), [["stalled", 504]]);
});

Deno.test("AnswerStream does not blame the engine for a client that reads slowly", async () => {
  const { stream, say, endings, clock, stalls } = begun();
  await stream.next();
  clock.advance(millis(30_000)); // nobody asks for more
  stalls.look();
  const next = stream.next();
  stalls.look();
  say(STOP);
  assert.equal((await next).text, STOP);
  assert.deepEqual(endings, []);
  clock.advance(millis(30_000)); // but one request has only so long
  stalls.look();
  assert.equal(codeIn((await stream.next()).text), "upstream_timeout");
  assert.deepEqual(endings.map(({ ended }) => ended), ["stalled"]);
});

Deno.test("AnswerStream tells what still runs when the gateway's grace is over", async () => {
  const { stream, abort, stopping, endings } = begun();
  await stream.next();
  const next = stream.next();
  stopping.abort(new Error("The gateway stops"));
  abort(new AppError("shutting_down", "stopping"));
  assert.equal(codeIn((await next).text), "shutting_down");
  assert.deepEqual(endings.map(({ ended, status }) => [ended, status]), [["shutdown", 503]]);
});

Deno.test("AnswerStream.leave() ends generation and the record, once", async () => {
  const { stream, endings, cancelled, clock, say } = begun();
  await stream.next();
  const next = stream.next();
  stream.leave();
  stream.leave();
  say(STOP);
  await settled();
  assert.deepEqual(endings, [], "what had arrived is counted first");
  clock.advance(millis(2));
  await settled();
  assert.deepEqual(await next, { text: "", last: true });
  assert.deepEqual(endings.map(({ ended, status }) => [ended, status]), [["client_left", 499]]);
  assert.ok(cancelled() > 0);
});
