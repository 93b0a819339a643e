import assert from "node:assert/strict";
import { manualClock } from "@/lib/kernel/clock.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import type { WakeHistory } from "@/lib/fleet/recent_wakes.ts";
import { handFleet, machine, NOW, TIERS, wake } from "@/lib/site/status_testing.ts";
import {
  ANNOUNCE_EVERY,
  BEAT_EVERY,
  createStatusFeed,
  VIEWER_MESSAGES_MAX,
  VIEWERS_MAX,
} from "./status_feed.ts";

function opened(
  { history = () => Promise.resolve({ recent: [], steps: [] }) }: {
    history?: () => Promise<WakeHistory>;
  } = {},
) {
  const clock = manualClock(NOW);
  const fleet = handFleet();
  const stopping = new AbortController();
  const made = { history: 0 };
  let waiting = 1;
  const feed = createStatusFeed({
    tiers: TIERS,
    fleet,
    waiting: () => waiting,
    history: () => (made.history++, history()),
    clock,
    log: silentLog,
    signal: stopping.signal,
  });
  return {
    clock,
    fleet,
    feed,
    made,
    stop: () => stopping.abort(),
    setWaiting: (n: number) => waiting = n,
    watch() {
      const stream = feed.watch();
      assert.ok(stream !== null, "there is room");
      return stream.getReader();
    },
  };
}

/** Lets everything that is ready to run, run. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

const text = (chunk: Uint8Array | undefined) => new TextDecoder().decode(chunk);
const READY = (tier: string) => machine(tier, { at: "ready", since: NOW, sickSince: null });

Deno.test("watch() tells a thousand viewers of one change from one serialisation and one read of the past", async () => {
  const { fleet, made, watch, stop } = opened();
  const readers = Array.from({ length: 1_000 }, watch);
  const first = await Promise.all(readers.map(async (reader) => {
    assert.match(text((await reader.read()).value), /^retry: /);
    return (await reader.read()).value;
  }));
  assert.ok(first.every((chunk) => chunk === first[0]), "the very same bytes");
  assert.equal(made.history, 1);

  fleet.change({ machines: [READY("spot"), machine("rest", { at: "asleep" })] });
  const next = await Promise.all(readers.map(async (reader) => (await reader.read()).value));
  assert.ok(next.every((chunk) => chunk === next[0]), "the very same bytes");
  assert.match(text(next[0]), /^data: \{"atMs":\d+,.*"state":"Active".*\}\n\n$/);
  assert.equal(made.history, 2);

  stop();
  const ends = await Promise.all(readers.map((reader) => reader.read()));
  assert.ok(ends.every(({ done }) => done), "a stopping gateway ends every stream");
});

Deno.test("watch() says nothing when nothing but the time changed, and tells who waits while a wake is open", async () => {
  const { clock, fleet, watch, setWaiting, stop } = opened();
  const reader = watch();
  await reader.read();
  await reader.read();
  fleet.change({});
  await settle();
  clock.advance(ANNOUNCE_EVERY);
  await settle();
  fleet.change({ open: [wake()] });
  await settle();
  assert.match(
    text((await reader.read()).value),
    /"isOpen":true.*"waiting":1/,
    "not the empty change",
  );
  setWaiting(5);
  clock.advance(ANNOUNCE_EVERY);
  await settle();
  assert.match(text((await reader.read()).value), /"waiting":5/);
  stop();
});

Deno.test("watch() lets a viewer go that does not read, and keeps the one that does", async () => {
  const { clock, fleet, watch, stop } = opened();
  const slow = watch();
  const quick = watch();
  let read = 0;
  const reading = (async () => {
    while (!(await quick.read()).done) read++;
  })();
  await settle();
  for (let i = 0; i < VIEWER_MESSAGES_MAX + 3; i++) {
    fleet.change({ machines: i % 2 === 0 ? [READY("spot")] : [READY("rest")] });
    await settle();
    clock.advance(ANNOUNCE_EVERY);
    await settle();
  }
  let queued = 0;
  while (!(await slow.read()).done) queued++;
  assert.ok(queued <= VIEWER_MESSAGES_MAX, `${queued} were queued`);
  assert.equal(read, VIEWER_MESSAGES_MAX + 3 + 2);
  stop();
  await reading;
});

Deno.test("watch() beats while somebody watches", async () => {
  const { clock, watch, stop } = opened();
  const reader = watch();
  await reader.read();
  await reader.read();
  clock.advance(BEAT_EVERY);
  assert.equal(text((await reader.read()).value), ": beat\n\n");
  stop();
});

Deno.test("watch() refuses one viewer too many, and takes another once one left", async () => {
  const { feed, watch, stop } = opened();
  const readers = Array.from({ length: VIEWERS_MAX }, watch);
  assert.equal(feed.watch(), null);
  await readers[0]?.cancel();
  assert.notEqual(feed.watch(), null);
  stop();
  assert.equal(feed.watch(), null, "nothing opens once it stops");
});

Deno.test("current() makes a snapshot once per change, tells what it knows when the past cannot be read, and stops listening", async () => {
  let isDown = true;
  const { clock, feed, fleet, made, stop } = opened({
    history: () =>
      isDown ? Promise.reject(new Error("down")) : Promise.resolve({ recent: [wake()], steps: [] }),
  });
  assert.equal((await feed.current()).snapshot.tiers.length, 2);
  assert.equal(made.history, 1);
  isDown = false;
  fleet.change({});
  const [a, b] = await Promise.all([feed.current(), feed.current()]);
  assert.equal(a, b);
  assert.equal(a.snapshot.recent.length, 1);
  clock.advance(BEAT_EVERY);
  await feed.current();
  assert.equal(made.history, 2);
  assert.deepEqual(JSON.parse(a.json), JSON.parse(JSON.stringify(a.snapshot)));
  assert.equal(fleet.listeners, 1);
  stop();
  assert.equal(fleet.listeners, 0);
});
