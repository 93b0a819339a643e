/** Tests of queue.ts. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { manualClock, type Millis, millis, minutes, seconds } from "@/lib/kernel/clock.ts";
import type { Doorbell } from "@/lib/kernel/doorbell.ts";
import { openDoorbell } from "@/lib/kernel/doorbell.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { machineSubject, startQueue } from "./queue.ts";

/** A queue on a clock that is moved by hand; `loses` drops every message. */
function manualDoorbell({ loses = false } = {}) {
  const clock = manualClock(0);
  let handler: (subject: string) => Promise<void> = () => Promise.resolve();
  let rung: { subject: string; dueMs: number }[] = [];
  const doorbell: Doorbell = {
    ring: (subject, delay = millis(0)) => {
      if (!loses) rung.push({ subject, dueMs: clock.now() + delay });
    },
    listen: (each) => void (handler = each),
    close: () => Promise.resolve(),
  };
  /** Passes `span` in steps of 10 ms, delivering what falls due. */
  async function pass(span: Millis): Promise<void> {
    for (const endMs = clock.now() + span; clock.now() < endMs;) {
      clock.advance(millis(10));
      const due = rung.filter((each) => each.dueMs <= clock.now());
      rung = rung.filter((each) => each.dueMs > clock.now());
      for (const each of due) await handler(each.subject);
    }
  }
  return { clock, doorbell, pass, inQueue: () => rung.length };
}

Deno.test("startQueue() looks again for as long as there is more to do, and then no more", async () => {
  const { clock, doorbell, pass, inQueue } = manualDoorbell();
  const looks: string[] = [];
  startQueue({
    doorbell,
    clock,
    log: silentLog,
    look: (id) => {
      looks.push(`${id} ${clock.now()}`);
      return Promise.resolve({ againIn: looks.length < 3 ? seconds(1) : null });
    },
  });
  doorbell.ring(machineSubject("mac_1"));
  await pass(seconds(10));
  deepEqual(looks, ["mac_1 10", "mac_1 1010", "mac_1 2010"]);
  equal(inQueue(), 0);
});

Deno.test("startQueue() keeps one chain of looks per machine, however often it is poked", async () => {
  const { clock, doorbell, pass, inQueue } = manualDoorbell();
  let looks = 0;
  startQueue({
    doorbell,
    clock,
    log: silentLog,
    look: () => {
      looks++;
      return Promise.resolve({ againIn: seconds(1) });
    },
  });
  for (let poke = 0; poke < 50; poke++) {
    doorbell.ring(machineSubject("mac_1"));
    await pass(millis(130));
  }
  looks = 0;
  await pass(seconds(10));
  ok(looks >= 9 && looks <= 11, String(looks));
  equal(inQueue(), 1);
});

Deno.test("startQueue() looks sooner when a later step asks for it", async () => {
  const { clock, doorbell, pass } = manualDoorbell();
  const times: number[] = [];
  const answers = [minutes(10), seconds(1), null];
  startQueue({
    doorbell,
    clock,
    log: silentLog,
    look: () => {
      times.push(clock.now());
      return Promise.resolve({ againIn: answers.shift() ?? null });
    },
  });
  doorbell.ring(machineSubject("mac_1"));
  await pass(millis(100));
  doorbell.ring(machineSubject("mac_1"));
  await pass(seconds(5));
  deepEqual(times, [10, 110, 1_110]);
});

Deno.test("startQueue() begins again after its next ring was lost, at the next poke", async () => {
  const { clock, doorbell, pass } = manualDoorbell();
  let deaf = false;
  let looks = 0;
  const lossy: Doorbell = {
    ...doorbell,
    ring: (subject, delay) => deaf ? undefined : doorbell.ring(subject, delay),
  };
  startQueue({
    doorbell: lossy,
    clock,
    log: silentLog,
    look: () => {
      looks++;
      return Promise.resolve({ againIn: seconds(1) });
    },
  });
  deaf = true;
  doorbell.ring(machineSubject("mac_1"));
  await pass(seconds(5));
  equal(looks, 1);
  deaf = false;
  lossy.ring(machineSubject("mac_1"));
  await pass(seconds(5));
  ok(looks >= 5, String(looks));
});

Deno.test("a machine waits at most a minute for its look when every message is lost", async () => {
  const { clock, doorbell, pass } = manualDoorbell({ loses: true });
  let needSinceMs: number | null = null;
  const waits: number[] = [];
  const look = () => {
    if (needSinceMs !== null) waits.push(clock.now() - needSinceMs);
    needSinceMs = null;
    return Promise.resolve({ againIn: seconds(1) });
  };
  startQueue({ doorbell, clock, log: silentLog, look });
  for (let minute = 0; minute < 20; minute++) {
    const needAt = seconds(minute * 3);
    await pass(needAt);
    needSinceMs ??= clock.now();
    doorbell.ring(machineSubject("mac_1"));
    await pass(millis(60_000 - needAt));
    await look(); // what cron does each minute
  }
  equal(waits.length, 20);
  ok(Math.max(...waits) <= 60_000, waits.join());
});

Deno.test("startQueue() answers a real queue", async () => {
  const doorbell = await openDoorbell({ path: ":memory:", log: silentLog });
  const { promise, resolve } = Promise.withResolvers<void>();
  const looks: string[] = [];
  startQueue({
    doorbell,
    clock: { ...manualClock(), now: () => manualClock(Date.now()).now() },
    log: silentLog,
    look: (id) => {
      looks.push(id);
      if (looks.length === 3) resolve();
      return Promise.resolve({ againIn: looks.length < 3 ? millis(20) : null });
    },
  });
  doorbell.ring("something:else");
  doorbell.ring(machineSubject("mac_1"));
  await promise;
  deepEqual(looks, ["mac_1", "mac_1", "mac_1"]);
  await doorbell.close();
});
