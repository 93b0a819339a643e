import assert from "node:assert/strict";
import { instant, millis } from "@/lib/kernel/clock.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import type { Acquired } from "./acquire.ts";
import { lifeOf } from "./acquire.ts";
import {
  handFleet,
  readyMachine,
  seconds,
  settled,
  stateOf,
  targetsOf,
} from "./acquire_testing.ts";

const unavailable = (because: string, retryAt: number | null = null) => ({
  kind: "unavailable" as const,
  retryAt: retryAt === null ? null : instant(retryAt),
  because,
});

async function machineOf(promise: Promise<Acquired>): Promise<[string, string | null]> {
  const state = await stateOf(promise);
  assert.equal(state.kind, "done", JSON.stringify(state));
  return state.kind === "done" ? [state.value.machine.id, state.value.wakeId] : ["", null];
}

async function errorOf(promise: Promise<unknown>): Promise<AppError> {
  const state = await stateOf(promise);
  assert.ok(state.kind === "failed" && state.error instanceof AppError, JSON.stringify(state));
  return state.error;
}

Deno.test("acquire() takes a ready machine at once and asks for nothing", async () => {
  const hand = handFleet();
  hand.ready(readyMachine("spot"));
  assert.deepEqual(await machineOf(hand.acquire()), ["spot-0", null]);
  assert.deepEqual([hand.asked, hand.more], [[], []]);
});

Deno.test("acquire() waits for a level: a machine that became ready while it asked is not missed", async () => {
  const hand = handFleet();
  const waits: string[] = [];
  const found = hand.acquire({ onWaiting: (wakeId) => waits.push(wakeId) });
  hand.ready(readyMachine("spot")); // before the ask is answered
  assert.deepEqual(await machineOf(found), ["spot-0", "wak_1"]);
  assert.deepEqual([hand.asked, waits], [["spot"], ["wak_1"]]);
  assert.deepEqual([hand.held.count("spot"), hand.listeners.size], [0, 0]);
});

Deno.test("acquire() waits until its machine is ready and holds a place meanwhile", async () => {
  const hand = handFleet();
  const found = hand.acquire();
  assert.equal((await stateOf(found)).kind, "waits");
  assert.equal(hand.held.count("spot"), 1);
  hand.clock.advance(seconds(59));
  hand.ready(readyMachine("spot"));
  assert.deepEqual(await machineOf(found), ["spot-0", "wak_1"]);
  assert.equal(hand.held.count("spot"), 0);
});

Deno.test("acquire() spills to a warm tier below and has the better one woken", async () => {
  const hand = handFleet();
  hand.ready(readyMachine("standard"));
  assert.deepEqual(await machineOf(hand.acquire()), ["standard-0", null]);
  assert.deepEqual([hand.asked, hand.more], [[], ["spot"]]);
});

Deno.test("acquire() does not have a tier woken again whose wake is open", async () => {
  const hand = handFleet();
  const first = hand.acquire();
  await settled();
  hand.ready(readyMachine("standard"));
  assert.deepEqual(await machineOf(first), ["standard-0", null]);
  assert.deepEqual(await machineOf(hand.acquire()), ["standard-0", null]);
  assert.deepEqual([hand.asked, hand.more], [["spot"], []]);
});

Deno.test("acquire() waits for a tier that says so, past a warm one below", async () => {
  const hand = handFleet({ targets: targetsOf({ spot: "when_cold: wait," }) });
  hand.ready(readyMachine("standard"));
  const found = hand.acquire();
  assert.equal((await stateOf(found)).kind, "waits");
  hand.ready(readyMachine("spot"));
  assert.deepEqual(await machineOf(found), ["spot-0", "wak_1"]);
});

Deno.test("acquire() goes to the next tier when a wake fails, and to no_upstream after the last", async () => {
  const hand = handFleet();
  const found = hand.acquire();
  await settled();
  hand.setWake("wak_1", { outcome: "failed", because: "no capacity" });
  await settled();
  assert.deepEqual(hand.asked, ["spot", "standard"]);
  assert.deepEqual([hand.held.count("spot"), hand.held.count("standard")], [0, 1]);
  hand.setWake("wak_2", { outcome: "failed", because: "it broke" });
  const error = await errorOf(found);
  assert.deepEqual([error.code, error.retryAfterS], ["no_upstream", 10]);
  assert.match(error.message, /spot: no capacity; standard: it broke/);
  assert.equal(hand.listeners.size, 0);
});

Deno.test("acquire() tells when a tier that was refused may be tried again, and asks it no more itself", async () => {
  const hand = handFleet();
  const found = hand.acquire();
  await settled();
  const refused = { outcome: "failed", because: "no stock (capacity)" } as const;
  hand.setWake("wak_1", { ...refused, retryAt: instant(hand.clock.now() + 30_000) });
  await settled();
  hand.clock.advance(millis(31_000));
  hand.setWake("wak_2", { ...refused, retryAt: instant(hand.clock.now() + 44_001) });
  const error = await errorOf(found);
  assert.deepEqual(hand.asked, ["spot", "standard"]);
  assert.deepEqual([error.code, error.retryAfterS], ["no_upstream", 1]);
  assert.match(error.message, /spot: no stock \(capacity\); standard: no stock/);
});

Deno.test("acquire() falls through a tier that waits once that tier cannot be woken", async () => {
  const hand = handFleet({ targets: targetsOf({ spot: "when_cold: wait," }) });
  hand.answers.set("spot", unavailable("it failed"));
  const found = hand.acquire();
  await settled();
  hand.ready(readyMachine("standard"));
  assert.deepEqual(await machineOf(found), ["standard-0", "wak_2"]);
});

Deno.test("acquire() asks again when its wake expired, or was served by a machine that is gone", async () => {
  for (const outcome of ["expired", "served"] as const) {
    const hand = handFleet();
    const found = hand.acquire();
    await settled();
    hand.setWake("wak_1", { outcome });
    await settled();
    assert.deepEqual(hand.asked, ["spot", "spot"], outcome);
    hand.ready(readyMachine("spot"));
    assert.deepEqual(await machineOf(found), ["spot-0", "wak_2"]);
  }
});

Deno.test("acquire() says when the first of the failed tiers may be tried again", async () => {
  const hand = handFleet();
  const now = hand.clock.now();
  hand.answers.set("spot", unavailable("failed", now + 90_001));
  hand.answers.set("standard", unavailable("failed", now + 20_001));
  const error = await errorOf(hand.acquire());
  assert.deepEqual([error.code, error.retryAfterS], ["no_upstream", 21]);
});

Deno.test("acquire() answers wake_timeout at the cap, not before, and tells SDKs not to retry", async () => {
  const hand = handFleet();
  const found = hand.acquire();
  await settled();
  hand.clock.advance(millis(59_999));
  assert.equal((await stateOf(found)).kind, "waits");
  hand.clock.advance(millis(1));
  const error = await errorOf(found);
  assert.deepEqual([error.code, error.shouldRetry, error.retryAfterS], ["wake_timeout", false, 30]);
  assert.deepEqual([hand.held.count("spot"), hand.listeners.size], [0, 0]);
});

Deno.test("acquire() answers warming_up with the wake's ETA when the client prefers not to wait", async () => {
  const hand = handFleet();
  const found = hand.acquire({ deadline: { atMs: 5_000, kind: "prefer" } });
  await settled();
  hand.setWake("wak_1", { eta: { likely: millis(41_200), atMost: millis(60_000) } });
  hand.clock.advance(seconds(5));
  const error = await errorOf(found);
  assert.deepEqual([error.code, error.shouldRetry, error.retryAfterS], ["warming_up", null, 42]);
});

Deno.test("acquire() with no time to wait still asks for the wake", async () => {
  const hand = handFleet();
  const error = await errorOf(hand.acquire({ deadline: { atMs: 0, kind: "prefer" } }));
  assert.deepEqual([error.code, hand.asked], ["warming_up", ["spot"]]);
});

Deno.test("acquire() refuses with queue_full past the tier's places", async () => {
  const hand = handFleet({ targets: targetsOf({ spot: "held_max: 1," }) });
  const first = hand.acquire();
  await settled();
  assert.equal((await errorOf(hand.acquire())).code, "queue_full");
  assert.equal(hand.listeners.size, 1);
  hand.ready(readyMachine("spot"));
  await machineOf(first);
});

Deno.test("acquire() ends with the signal's reason, at once and without a trace", async () => {
  const hand = handFleet();
  const leaving = new AbortController();
  const found = hand.acquire({ signal: leaving.signal });
  await settled();
  leaving.abort(new AppError("client_closed", "The client left"));
  assert.equal((await errorOf(found)).code, "client_closed");
  assert.deepEqual([hand.held.count("spot"), hand.listeners.size], [0, 0]);
});

Deno.test("acquire() asks for another machine once all ready ones are full, and still serves", async () => {
  const hand = handFleet({ targets: targetsOf({ spot: "concurrency: 1," }) });
  hand.ready(readyMachine("spot"));
  await machineOf(hand.acquire());
  assert.deepEqual(hand.more, []);
  hand.loads.enter("spot-0");
  assert.deepEqual(await machineOf(hand.acquire()), ["spot-0", null]);
  assert.deepEqual(hand.more, ["spot"]);
  hand.ready(readyMachine("spot", 1));
  hand.loads.enter("spot-1");
  await machineOf(hand.acquire());
  assert.deepEqual(hand.more, ["spot"], "the tier has no third machine");
});

Deno.test("acquire() passes a shunned machine over while there is another, and no longer", async () => {
  const hand = handFleet();
  hand.ready(readyMachine("spot", 0));
  hand.loads.failed("spot-0");
  assert.deepEqual(await machineOf(hand.acquire()), ["spot-0", null]);
  hand.ready(readyMachine("spot", 1));
  assert.deepEqual(await machineOf(hand.acquire()), ["spot-1", null]);
});

Deno.test("acquire() goes on below a machine that failed it, without waking that machine's tier", async () => {
  const hand = handFleet();
  const failed = readyMachine("spot");
  hand.ready(failed);
  hand.ready(readyMachine("standard"));
  const found = hand.acquire({ avoid: new Set([lifeOf(failed)]) });
  assert.deepEqual(await machineOf(found), ["standard-0", null]);
  assert.deepEqual([hand.asked, hand.more], [[], []]);
});

Deno.test("acquire() gives the keeper three seconds to judge a machine that failed it, then tells why it failed", async () => {
  const hand = handFleet();
  const [a, b] = [readyMachine("spot"), readyMachine("standard")];
  hand.ready(a);
  hand.ready(b);
  const lastFailure = new AppError("upstream_error", "The machine failed");
  const found = hand.acquire({ avoid: new Set([lifeOf(a), lifeOf(b)]), lastFailure });
  await settled();
  hand.clock.advance(millis(2_999));
  assert.equal((await stateOf(found)).kind, "waits");
  hand.clock.advance(millis(1));
  assert.equal(await errorOf(found), lastFailure);
  assert.deepEqual(hand.asked, []);
});

Deno.test("acquire() takes a machine that failed it once that machine began a new life", async () => {
  const hand = handFleet();
  const failed = readyMachine("spot");
  hand.ready(failed);
  const found = hand.acquire({ avoid: new Set([lifeOf(failed)]) });
  await settled();
  hand.gone(failed.id);
  await settled();
  assert.deepEqual(hand.asked, ["standard"], "its own tier is the keeper's to judge");
  hand.ready(readyMachine("spot", 0, 5));
  assert.deepEqual(await machineOf(found), ["spot-0", null]);
});

Deno.test("lifeOf() stays the same while a ready machine falls sick and gets well, and not after", () => {
  const well = readyMachine("spot");
  const sick = {
    ...well,
    place: { at: "ready" as const, since: instant(0), sickSince: instant(5) },
    placeSince: instant(5),
  };
  assert.equal(lifeOf(sick), lifeOf(well));
  assert.notEqual(lifeOf(readyMachine("spot", 0, 6)), lifeOf(well));
  assert.notEqual(lifeOf(readyMachine("spot", 1)), lifeOf(well));
});

Deno.test("acquire() falls through a tier that waits and cannot be woken to one that is ready already", async () => {
  const hand = handFleet({ targets: targetsOf({ spot: "when_cold: wait," }) });
  hand.answers.set("spot", unavailable("it failed"));
  hand.ready(readyMachine("standard"));
  assert.deepEqual(await machineOf(hand.acquire()), ["standard-0", null]);
});

Deno.test("acquire() goes on below a tier that waits when that tier's machine failed it: it is not cold", async () => {
  const hand = handFleet({ targets: targetsOf({ spot: "when_cold: wait," }) });
  const failed = readyMachine("spot");
  hand.ready(failed);
  hand.ready(readyMachine("standard"));
  const found = hand.acquire({ avoid: new Set([lifeOf(failed)]) });
  assert.deepEqual(await machineOf(found), ["standard-0", null]);
});

Deno.test("acquire() takes a machine its view was behind on, however long it has waited, and wakes no other tier", async () => {
  const hand = handFleet();
  const found = hand.acquire();
  await settled();
  hand.clock.advance(seconds(10));
  // The view shows that the wake was served before it shows the machine; asking brings it up to date.
  hand.answers.set("spot", () => {
    hand.ready(readyMachine("spot"));
    return unavailable("a machine of the tier is ready");
  });
  hand.setWake("wak_1", { outcome: "served" });
  assert.deepEqual(await machineOf(found), ["spot-0", "wak_1"]);
  assert.deepEqual(hand.asked, ["spot", "spot"]);
});

Deno.test("acquire() gives the keeper its three seconds even after a long wait for a wake that failed", async () => {
  const hand = handFleet();
  const failed = readyMachine("standard");
  hand.ready(failed);
  const found = hand.acquire({ avoid: new Set([lifeOf(failed)]) });
  await settled();
  hand.clock.advance(seconds(30));
  hand.setWake("wak_1", { outcome: "failed" });
  assert.equal((await stateOf(found)).kind, "waits");
  hand.clock.advance(seconds(3));
  assert.equal((await errorOf(found)).code, "no_upstream");
});

Deno.test("acquire() waits for its own view when the store says that a machine is ready, and loses no request over it", async () => {
  const hand = handFleet();
  hand.answers.set("spot", { kind: "ready" });
  const found = hand.acquire();
  await settled();
  hand.ready(readyMachine("spot", 0));
  assert.deepEqual(await machineOf(found), ["spot-0", null]);
});
