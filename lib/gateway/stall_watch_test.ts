import assert from "node:assert/strict";
import { manualClock, millis } from "@/lib/kernel/clock.ts";
import { StallWatch, type WatchedStream } from "./stall_watch.ts";

function watched(silentAtMs: number, overAtMs: number): WatchedStream & { hits: string[] } {
  const hits: string[] = [];
  return { silentAtMs, overAtMs, hits, seat: -1, onLimit: (kind) => hits.push(kind) };
}

Deno.test("StallWatch tells silence at its time, not a millisecond before, and once", () => {
  const clock = manualClock();
  const watch = new StallWatch(clock);
  const stream = watched(100, 1_000);
  watch.watch(stream);
  clock.advance(millis(99));
  watch.look();
  assert.deepEqual(stream.hits, []);
  clock.advance(millis(1));
  watch.look();
  watch.look();
  assert.deepEqual(stream.hits, ["silent"]);
});

Deno.test("StallWatch follows a stream that goes on, until its whole time is over", () => {
  const clock = manualClock();
  const watch = new StallWatch(clock);
  const stream = watched(100, 150);
  watch.watch(stream);
  clock.advance(millis(100));
  stream.silentAtMs = 200;
  watch.look();
  assert.deepEqual(stream.hits, []);
  clock.advance(millis(50));
  watch.look();
  assert.deepEqual(stream.hits, ["over"]);
});

Deno.test("StallWatch leaves a released stream alone and goes on with the others", () => {
  const clock = manualClock();
  const watch = new StallWatch(clock);
  const [gone, stays] = [watched(10, 20), watched(10, 20)];
  watch.watch(gone);
  watch.watch(stays);
  watch.leave(gone);
  clock.advance(millis(10));
  watch.look();
  assert.deepEqual([gone.hits, stays.hits], [[], ["silent"]]);
  watch.close();
});
