import assert from "node:assert/strict";
import { manualClock, millis, seconds } from "@/lib/kernel/clock.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { machineAt } from "./decide_testing.ts";
import { holdLease } from "./lease.ts";
import type { MachineStore } from "./machine_store.ts";

const SPAN = seconds(15);
const CLAIM = { machine: machineAt({ at: "asleep" }), token: 1 };

function held(renew: () => Promise<boolean>) {
  const clock = manualClock();
  const calls = { renewed: 0, released: 0 };
  const unused = () => Promise.reject(new Error("not part of this test"));
  const store: MachineStore = {
    due: unused,
    claim: unused,
    demand: unused,
    setAddress: unused,
    stampWake: unused,
    move: unused,
    outcome: unused,
    renew: () => {
      calls.renewed++;
      return renew();
    },
    release: () => {
      calls.released++;
      return Promise.reject(new Error("connection lost"));
    },
  };
  return { clock, calls, lease: holdLease({ clock, store, log: silentLog }, CLAIM, SPAN) };
}

/** Lets what was resolved run on. */
const settle = async () => {
  for (let turn = 0; turn < 20; turn++) await null;
};

Deno.test("holdLease() renews at a third of the span until released, and survives a store that cannot release", async () => {
  const { clock, calls, lease } = held(() => Promise.resolve(true));
  clock.advance(millis(4_999));
  await settle();
  assert.equal(calls.renewed, 0);
  for (const renewed of [1, 2, 3, 4]) {
    clock.advance(seconds(5));
    await settle();
    assert.equal(calls.renewed, renewed);
  }
  assert.equal(lease.signal.aborted, false);
  await lease.release();
  clock.advance(seconds(60));
  await settle();
  assert.deepEqual(calls, { renewed: 4, released: 1 });
});

Deno.test("holdLease() tells its holder when another has the machine", async () => {
  const { clock, lease } = held(() => Promise.resolve(false));
  clock.advance(seconds(5));
  await settle();
  assert.equal(lease.signal.aborted, true);
  assert.equal(await lease.check(), false);
  await lease.release();
});

Deno.test("holdLease() gives up a lease that could not be renewed for its whole span, not a millisecond before", async () => {
  const { clock, lease } = held(() => Promise.reject(new Error("connection lost")));
  for (const span of [5_000, 5_000, 4_999]) {
    clock.advance(millis(span));
    await settle();
  }
  assert.equal(lease.signal.aborted, false);
  clock.advance(millis(1));
  await settle();
  assert.equal(lease.signal.aborted, true);
  await lease.release();
});

Deno.test("check() does not trust an answer that took as long as the span", async () => {
  for (const [tookMs, trusted] of [[14_999, true], [15_000, false]] as const) {
    const answer = Promise.withResolvers<boolean>();
    const { clock, lease } = held(() => answer.promise);
    const checked = lease.check();
    clock.advance(millis(tookMs));
    answer.resolve(true);
    assert.equal(await checked, trusted, `${tookMs} ms`);
    await lease.release();
  }
});
