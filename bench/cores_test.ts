import assert from "node:assert/strict";
import {
  busyBetween,
  coreNumbers,
  foreignShare,
  fullInsteadOf,
  hasNoMore,
  parseCoreTimes,
} from "./cores.ts";

const BEFORE = `cpu  100 0 100 800 0 0 0 0 0 0
cpu0 50 0 50 400 0 0 0 0 0 0
cpu1 50 0 50 400 0 0 0 0 0 0
intr 1 2 3
`;
const AFTER = `cpu  300 0 100 980 20 0 0 0 0 0
cpu0 70 10 60 440 20 5 10 5 7 7
cpu1 50 0 50 500 0 0 0 0 0 0
`;

Deno.test("busyBetween() counts all but idle time, and the guests' time once", () => {
  const busy = busyBetween(parseCoreTimes(BEFORE), parseCoreTimes(AFTER));
  // Of 120 ticks: 20 user, 10 nice, 10 system, 5 and 10 interrupts, 5 stolen; 40 idle, 20 waiting for a disk.
  assert.deepEqual(busy, { 0: 60 / 120, 1: 0 });
});

Deno.test("busyBetween() says nothing of a core whose time did not pass", () => {
  assert.deepEqual(busyBetween(parseCoreTimes(BEFORE), parseCoreTimes(BEFORE)), {});
});

Deno.test("foreignShare() is what was busy less what was ours, over all the cores named", () => {
  const busy = { 0: 0.9, 1: 0.7 };
  assert.ok(Math.abs(foreignShare(busy, "0", 400_000, 1_000_000) - 0.5) < 1e-9);
  assert.ok(Math.abs(foreignShare(busy, "0,1", 400_000, 1_000_000) - 0.6) < 1e-9);
  assert.equal(foreignShare(busy, "1", 900_000, 1_000_000), 0);
});

Deno.test("foreignShare() is unknown where the proxy is kept to no core", () => {
  assert.ok(Number.isNaN(foreignShare({ 0: 1 }, null, 0, 1_000_000)));
  assert.ok(Number.isNaN(foreignShare({}, "0", 0, 1_000_000)));
});

Deno.test("fullInsteadOf() names the full cores, unless the proxy is full too", () => {
  const others = { engine: "1", load: "2", database: null };
  const busy = { 0: 1, 1: 0.91, 2: 0.9 };
  assert.deepEqual(fullInsteadOf(false, busy, others), ["engine"]);
  assert.deepEqual(fullInsteadOf(true, busy, others), []);
});

Deno.test("coreNumbers() reads a list of cores, and none from nothing", () => {
  assert.deepEqual([coreNumbers("2,3"), coreNumbers(null), coreNumbers("")], [[2, 3], [], []]);
});

Deno.test("hasNoMore() lets a share be a tenth over another, and any amount under it", () => {
  assert.deepEqual([hasNoMore(0.54, 0.5), hasNoMore(0.2, 0.5)], [true, true]);
  assert.deepEqual([hasNoMore(0.56, 0.5), hasNoMore(NaN, 0.5)], [false, false]);
});
