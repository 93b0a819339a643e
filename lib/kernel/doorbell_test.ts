/** Tests of doorbell.ts, on a real Deno KV queue. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "node:path";
import { millis, minutes } from "./clock.ts";
import { openDoorbell } from "./doorbell.ts";
import { createLog, silentLog } from "./log.ts";

async function until(reached: () => boolean): Promise<void> {
  for (let tries = 0; !reached(); tries++) {
    if (tries > 1_000) throw new Error("Waited too long");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("ring() reaches the listener, and a thousand rings at once reach it twice", async () => {
  const bell = await openDoorbell({ path: ":memory:", log: silentLog });
  const heard: string[] = [];
  bell.listen((subject) => {
    heard.push(subject);
    return Promise.resolve();
  });
  for (let i = 0; i < 1_000; i++) bell.ring("machine:mac_1");
  bell.ring("machine:mac_2");
  await until(() => heard.filter((each) => each === "machine:mac_1").length === 2);
  bell.ring("last", millis(100));
  await until(() => heard.includes("last"));
  deepEqual(heard.toSorted(), ["last", "machine:mac_1", "machine:mac_1", "machine:mac_2"]);
  await bell.close();
});

Deno.test("ring() keeps what was rung after the first look from being lost", async () => {
  const bell = await openDoorbell({ path: ":memory:", log: silentLog });
  let looks = 0;
  let news = 0;
  let seen = 0;
  bell.listen(() => {
    looks++;
    seen = news;
    // News that comes while we look, or right after, is rung for within the same 50 ms.
    if (looks === 1) {
      news = 1;
      bell.ring("machine:mac_1");
    }
    return Promise.resolve();
  });
  bell.ring("machine:mac_1");
  await until(() => seen === 1);
  await bell.close();
});

Deno.test("ring() with a delay is not swallowed by one without", async () => {
  const bell = await openDoorbell({ path: ":memory:", log: silentLog });
  const heard: string[] = [];
  bell.listen((subject) => {
    heard.push(subject);
    return Promise.resolve();
  });
  bell.ring("machine:mac_1");
  bell.ring("machine:mac_1", millis(500));
  bell.ring("between", millis(200));
  await until(() => heard.length === 3);
  deepEqual(heard, ["machine:mac_1", "between", "machine:mac_1"]);
  await bell.close();
});

Deno.test("listen() logs what its handler throws, spends the ring, and goes on", async () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", write: (text) => lines.push(text), now: () => 0 });
  const bell = await openDoorbell({ path: ":memory:", log });
  const heard: string[] = [];
  bell.listen((subject) => {
    heard.push(subject);
    return subject === "bad" ? Promise.reject(new Error("broken")) : Promise.resolve();
  });
  bell.ring("bad");
  await until(() => lines.length === 1);
  bell.ring("good", millis(300)); // a redelivery would come after 100 ms
  await until(() => heard.includes("good"));
  deepEqual(heard, ["bad", "good"]);
  ok(lines[0]?.includes("doorbell.handler_failed"));
  await bell.close();
});

Deno.test("listen() drops a message that is not a ring", async () => {
  const dir = await Deno.makeTempDir();
  const path = join(dir, "queue", "kv.sqlite3");
  const lines: string[] = [];
  const log = createLog({ level: "info", write: (text) => lines.push(text), now: () => 0 });
  const bell = await openDoorbell({ path, log });
  let looks = 0;
  bell.listen(() => {
    looks++;
    return Promise.resolve();
  });
  const stranger = await Deno.openKv(path);
  await stranger.enqueue({ subject: 7 });
  stranger.close();
  bell.ring("machine:mac_1"); // wakes the queue, which finds the stranger's message too
  await until(() => looks === 1 && lines.length === 1);
  ok(lines[0]?.includes("doorbell.unknown_message"));
  await bell.close();
  await Deno.remove(dir, { recursive: true });
});

Deno.test("ring() never throws: not with a subject it cannot take, not after close()", async () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", write: (text) => lines.push(text), now: () => 0 });
  const bell = await openDoorbell({ path: ":memory:", log });
  bell.ring("");
  bell.ring("x".repeat(201));
  equal(lines.length, 2);
  await bell.close();
  bell.ring("machine:mac_1");
  equal(lines.length, 2);
});

Deno.test("close() waits for the handler that runs", async () => {
  const bell = await openDoorbell({ path: ":memory:", log: silentLog });
  const finish = Promise.withResolvers<void>();
  let began = false;
  let ended = false;
  bell.listen(async () => {
    began = true;
    await finish.promise;
    ended = true;
  });
  bell.ring("machine:mac_1");
  bell.ring("machine:mac_2", minutes(5)); // stays in the queue
  await until(() => began);
  let endedBeforeClose: boolean | null = null;
  const closed = bell.close().then(() => endedBeforeClose = ended);
  await new Promise((resolve) => setTimeout(resolve, 20)); // enough for one that does not wait
  equal(endedBeforeClose, null);
  finish.resolve();
  await closed;
  equal(endedBeforeClose, true);
});
