/** Tests of supervisor.ts, with processes that do what the test says. */
import assert from "node:assert/strict";
import { manualClock, millis } from "@/lib/kernel/clock.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { type ReadyNotice, type ReplicaProcess, supervise } from "./supervisor.ts";

const NOTICE: ReadyNotice = { url: "http://127.0.0.1:1", replicaId: "rep_1", demoKey: "shown" };

type Fake = {
  index: number;
  serve(): void;
  exit(code: number): void;
  stops: number;
  kills: number;
};

function world(count: number) {
  const clock = manualClock();
  const started: Fake[] = [];
  const start = (index: number): ReplicaProcess => {
    const ready = Promise.withResolvers<ReadyNotice>();
    const exited = Promise.withResolvers<number>();
    const fake: Fake = {
      index,
      serve: () => ready.resolve(NOTICE),
      exit: (code) => exited.resolve(code),
      stops: 0,
      kills: 0,
    };
    started.push(fake);
    return {
      pid: started.length,
      ready: ready.promise,
      exited: exited.promise,
      askToStop: () => fake.stops++,
      kill: () => fake.kills++,
    };
  };
  return { clock, started, supervisor: supervise(count, { start, clock, log: silentLog }) };
}

/** Lets everything that can go on without time go on. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("supervise() starts the others when the first serves, and tells of the first", async () => {
  const { started, supervisor } = world(3);
  await settle();
  assert.deepEqual(started.map(({ index }) => index), [0]);
  started[0]?.serve();
  assert.deepEqual(await supervisor.firstReady, NOTICE);
  await settle();
  assert.deepEqual(started.map(({ index }) => index), [0, 1, 2]);
});

Deno.test("supervise() ends with the first replica's status when that cannot start", async () => {
  const { started, supervisor } = world(2);
  started[0]?.exit(78);
  assert.equal(await supervisor.firstReady, null);
  assert.equal(await supervisor.ended, 78);
  assert.equal(started.length, 1);
});

for (const dying of [0, 1]) {
  Deno.test(`supervise() starts replica ${dying} again when it died, later each time, and leaves the other alone`, async () => {
    const { clock, started, supervisor } = world(2);
    started[0]?.serve();
    await settle();
    const other = started[1 - dying];
    let victim = started[dying];
    for (const waitMs of [500, 1_000, 2_000]) {
      const before = started.length;
      victim?.exit(137);
      await settle();
      clock.advance(millis(waitMs - 1));
      await settle();
      assert.equal(started.length, before, `not before ${waitMs} ms`);
      clock.advance(millis(1));
      await settle();
      assert.equal(started.length, before + 1);
      victim = started.at(-1);
      assert.equal(victim?.index, dying);
    }
    assert.equal(other?.stops, 0);
    supervisor.stop();
  });
}

Deno.test("stop() asks every replica once, starts none again, and ends when all have left", async () => {
  const { clock, started, supervisor } = world(3);
  started[0]?.serve();
  await settle();
  started[2]?.exit(1);
  await settle();
  supervisor.stop();
  let over = false;
  void supervisor.ended.then(() => over = true);
  clock.advance(millis(60_000));
  started[0]?.exit(0);
  await settle();
  assert.equal(over, false);
  started[1]?.exit(0);
  assert.equal(await supervisor.ended, 0);
  assert.deepEqual(started.map(({ stops }) => stops), [1, 1, 0]);
  assert.equal(started.length, 3);
});

Deno.test("kill() ends those that do not leave", async () => {
  const { started, supervisor } = world(2);
  started[0]?.serve();
  await settle();
  supervisor.stop();
  supervisor.kill();
  assert.deepEqual(started.map(({ kills }) => kills), [1, 1]);
  for (const replica of started) replica.exit(137);
  await supervisor.ended;
});
