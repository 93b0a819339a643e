/** The scheduler on a clock moved by hand. */

import assert from "node:assert/strict";
import { manualClock, millis } from "@/lib/kernel/clock.ts";
import { KvCache } from "./kv_cache.ts";
import { DEFAULT_LATENCY, type Live } from "./options.ts";
import { seeded } from "./random.ts";
import { Scheduler } from "./scheduler.ts";
import type { Books, Listener, SequenceSpec } from "./sequence.ts";

type World = ReturnType<typeof world>;

function world(change: Partial<Live> = {}, blocks = 1_000, policy: "fcfs" | "priority" = "fcfs") {
  const clock = manualClock();
  const live: Live = {
    latency: { ...DEFAULT_LATENCY, timeToFirstTokenMs: 10, interTokenLatencyMs: 4 },
    maxNumSeqs: 2,
    mode: "random",
    seed: 0,
    faults: [],
    ...change,
  };
  const ended: string[] = [];
  let preemptions = 0;
  const books: Books = {
    scheduled() {},
    tokens() {},
    iteration() {},
    finished: (sequence, reason) => ended.push(`${sequence.job.id} ${reason}`),
    preempted: () => preemptions++,
  };
  const options = { schedulingPolicy: policy, maxNumBatchedTokens: 1_000 };
  const scheduler = new Scheduler(clock, () => live, new KvCache(blocks, true), books, options);
  return { clock, scheduler, ended, preemptions: () => preemptions };
}

function spec(outputs: number, change: Partial<SequenceSpec> = {}): SequenceSpec {
  return {
    promptTokens: ["a", "b"],
    outputTokens: Array.from({ length: outputs }, (_, i) => `t${i}`),
    finish: "stop",
    salt: "",
    priority: 0,
    remotePrefill: false,
    streamInterval: 1,
    extraFirstTokenMs: 0,
    params: { n: 1, maxTokens: null },
    random: seeded(1),
    ...change,
  };
}

/** Notes each delta as `from-to`, with `!` on the last. */
function hearer(lagging = false): Listener & { heard: string[]; flushes: number } {
  const heard: string[] = [];
  return {
    heard,
    flushes: 0,
    output: (_choice, from, to, done) => heard.push(`${from}-${to}${done ? "!" : ""}`),
    flush() {
      this.flushes++;
    },
    lagging: () => lagging,
    aborted: () => heard.push("aborted"),
  };
}

async function pass(w: World, ms: number, step = 1) {
  for (let at = 0; at < ms; at += step) {
    w.clock.advance(millis(step));
    await Promise.resolve();
    await Promise.resolve();
  }
}

Deno.test("Scheduler sends the first token at its time and each next one on schedule, not a step before", async () => {
  const w = world();
  const listener = hearer();
  w.scheduler.submit("a", [spec(3)], listener);
  await pass(w, 9);
  assert.deepEqual(listener.heard, []);
  await pass(w, 1);
  assert.deepEqual(listener.heard, ["0-1"]);
  await pass(w, 3);
  assert.deepEqual(listener.heard, ["0-1"]);
  await pass(w, 1);
  assert.deepEqual(listener.heard, ["0-1", "1-2"]);
  await pass(w, 4);
  assert.deepEqual(listener.heard, ["0-1", "1-2", "2-3!"]);
  assert.deepEqual(w.ended, ["a stop"]);
});

Deno.test("Scheduler never drifts: a late step is made up for, one delta per token", async () => {
  const w = world();
  const listener = hearer();
  w.scheduler.submit("a", [spec(5)], listener);
  await pass(w, 10);
  w.clock.advance(millis(13)); // three tokens fell due at 14, 18 and 22
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(listener.heard, ["0-1", "1-2", "2-3", "3-4"]);
  await pass(w, 3);
  assert.deepEqual(listener.heard.at(-1), "4-5!");
  assert.equal(listener.flushes, 3);
});

Deno.test("Scheduler merges tokens when it is far behind or the socket lags, and by stream_interval", async () => {
  for (const [lagging, advanceMs] of [[false, 70], [true, 8]] as const) {
    const w = world();
    const listener = hearer(lagging);
    w.scheduler.submit("a", [spec(40)], listener);
    await pass(w, 10);
    await pass(w, advanceMs, advanceMs);
    assert.equal(listener.heard.length, 2, listener.heard.join(" "));
  }
  const w = world();
  const listener = hearer();
  w.scheduler.submit("a", [spec(8, { streamInterval: 3 })], listener);
  await pass(w, 60);
  assert.deepEqual(listener.heard, ["0-1", "1-4", "4-7", "7-8!"]);
});

Deno.test("Scheduler runs max_num_seqs at once and the rest in the order they came", async () => {
  const w = world();
  for (const id of ["a", "b", "c", "d"]) w.scheduler.submit(id, [spec(2)], hearer());
  assert.deepEqual([w.scheduler.running, w.scheduler.waiting], [2, 2]);
  await pass(w, 60);
  assert.deepEqual(w.ended, ["a stop", "b stop", "c stop", "d stop"]);
});

Deno.test("Scheduler lets the lower priority value go first when told to", async () => {
  const w = world({ maxNumSeqs: 1 }, 1_000, "priority");
  w.scheduler.submit("first", [spec(1)], hearer());
  w.scheduler.submit("late", [spec(1, { priority: 5 })], hearer());
  w.scheduler.submit("urgent", [spec(1, { priority: -1 })], hearer());
  await pass(w, 60);
  assert.deepEqual(w.ended, ["first stop", "urgent stop", "late stop"]);
});

Deno.test("Scheduler.abort() frees the slot at once and says nothing more", async () => {
  const w = world({ maxNumSeqs: 1 });
  const listener = hearer();
  const job = w.scheduler.submit("a", [spec(9)], listener);
  w.scheduler.submit("b", [spec(1)], hearer());
  await pass(w, 10);
  w.scheduler.abort(job);
  assert.deepEqual([w.scheduler.running, w.scheduler.waiting, w.ended], [1, 0, ["a abort"]]);
  await pass(w, 20);
  assert.deepEqual(listener.heard, ["0-1"]);
});

Deno.test("Scheduler preempts the youngest when memory is full, and both still finish", async () => {
  // 16-token blocks: each needs 2 + 40 tokens, three blocks; there are four
  const w = world({}, 4);
  const [old, young] = [hearer(), hearer()];
  w.scheduler.submit("old", [spec(40, { salt: "1" })], old);
  w.scheduler.submit("young", [spec(40, { salt: "2" })], young);
  await pass(w, 500);
  assert.ok(w.preemptions() > 0);
  assert.deepEqual(w.ended, ["old stop", "young stop"]);
  assert.equal(young.heard.length, 40);
});

Deno.test("Scheduler.pause() in its three modes aborts, waits or freezes; waiting jobs stay queued", async () => {
  const aborting = world();
  const aborted = hearer();
  aborting.scheduler.submit("a", [spec(9)], aborted);
  await aborting.scheduler.pause("abort");
  assert.deepEqual(aborted.heard, ["aborted"]);
  const queued = hearer();
  aborting.scheduler.submit("b", [spec(1)], queued);
  await pass(aborting, 50);
  assert.deepEqual(queued.heard, []);
  aborting.scheduler.resume();
  await pass(aborting, 10);
  assert.deepEqual(queued.heard, ["0-1!"]);

  const waiting = world();
  waiting.scheduler.submit("a", [spec(2)], hearer());
  const paused = waiting.scheduler.pause("wait");
  await pass(waiting, 20);
  await paused;
  assert.deepEqual(waiting.ended, ["a stop"]);

  const keeping = world();
  const kept = hearer();
  keeping.scheduler.submit("a", [spec(2)], kept);
  await pass(keeping, 10);
  await keeping.scheduler.pause("keep");
  await pass(keeping, 100);
  assert.deepEqual(kept.heard, ["0-1"]);
  keeping.scheduler.resume();
  await pass(keeping, 4);
  assert.deepEqual(kept.heard, ["0-1", "1-2!"]);
});

Deno.test("Scheduler finds a repeated prompt in its prefix cache, unless the salt differs", async () => {
  const w = world();
  const promptTokens = Array.from({ length: 50 }, (_, i) => `p${i}`);
  w.scheduler.submit("a", [spec(1, { promptTokens })], hearer());
  await pass(w, 20);
  const again = w.scheduler.submit("b", [spec(1, { promptTokens })], hearer());
  const other = w.scheduler.submit("c", [spec(1, { promptTokens, salt: "x" })], hearer());
  assert.equal(again.sequences[0]?.cachedTokens, 48);
  assert.equal(other.sequences[0]?.cachedTokens, 0);
});
