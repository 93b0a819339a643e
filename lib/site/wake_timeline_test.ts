import assert from "node:assert/strict";
import { bars, timeline } from "./wake_timeline.ts";

const states = (marksMs: (number | null)[], isOpen: boolean, elapsedMs = 0) =>
  timeline({ marksMs, isOpen }, elapsedMs).map(({ state, tookMs }) => [state, tookMs]);

Deno.test("timeline() counts the running step from the last mark until now", () => {
  assert.deepEqual(states([null, null, null, null, null, null], true, 700), [
    ["running", 700],
    ...Array.from({ length: 5 }, () => ["ahead", 0]),
  ]);
  assert.deepEqual(states([5, 300, 310, 500, null, null], true, 900), [
    ["done", 5],
    ["done", 295],
    ["done", 10],
    ["done", 190],
    ["running", 400],
    ["ahead", 0],
  ]);
});

Deno.test("timeline() gives an unseen step's time to the step after it", () => {
  assert.deepEqual(states([null, 300, null, null, 900, null], true, 1_000), [
    ["unseen", 0],
    ["done", 300],
    ["unseen", 0],
    ["unseen", 0],
    ["done", 600],
    ["running", 100],
  ]);
});

Deno.test("timeline() lets nothing run in a wake that is over, and takes a mark from the past as no time", () => {
  assert.deepEqual(states([0, 300, 400, 500, 900, null], false, 99_999).at(-1), ["ahead", 0]);
  assert.deepEqual(states([0, 300, 300, 200, 900, null], false), [
    ["done", 0],
    ["done", 300],
    ["done", 0],
    ["done", 0],
    ["done", 600],
    ["ahead", 0],
  ]);
});

Deno.test("bars() fill the line in proportion, and keep a short step visible", () => {
  const found = bars([
    { step: "power", tookMs: 999 },
    { step: "boot", tookMs: 0 },
    { step: "load", tookMs: 1 },
  ]);
  assert.deepEqual(found.map(({ step }) => step), ["power", "load"]);
  assert.ok((found[1]?.part ?? 0) > 0.015);
  const end = found.at(-1);
  assert.ok(end !== undefined && Math.abs(end.fromPart + end.part - 1) < 1e-9);
  assert.deepEqual(bars([]), []);
});

Deno.test("bars() leave the rest of the expected time free while a wake runs, and none once it takes longer", () => {
  const part = (expectedMs: number) =>
    bars([{ step: "power", tookMs: 1_000 }], expectedMs)[0]?.part;
  assert.equal(part(4_000), 0.25);
  assert.equal(part(999), 1);
});
