/** The latency formulas. */

import assert from "node:assert/strict";
import { firstTokenMs, loadFactor, nextTokenMs } from "./latency.ts";
import { DEFAULT_LATENCY } from "./options.ts";
import { seeded } from "./random.ts";

const alone = { promptTokens: 100, cachedTokens: 20, remote: false };

Deno.test("loadFactor() goes from 1 alone to the whole factor with every slot taken", () => {
  const latency = { ...DEFAULT_LATENCY, timeFactorUnderLoad: 3 };
  assert.equal(loadFactor(latency, 1, 5), 1);
  assert.equal(loadFactor(latency, 3, 5), 2);
  assert.equal(loadFactor(latency, 5, 5), 3);
  assert.equal(loadFactor(latency, 1, 1), 1);
});

Deno.test("firstTokenMs() is constant, or counted from what is not cached, or the transfer", () => {
  const random = seeded(1);
  assert.equal(
    firstTokenMs({ ...DEFAULT_LATENCY, timeToFirstTokenMs: 50.5 }, alone, 2, random),
    101,
  );
  const counted = {
    ...DEFAULT_LATENCY,
    timeToFirstTokenMs: 0,
    prefillOverheadMs: 30,
    prefillTimePerTokenMs: 0.25,
    kvCacheTransferTimePerTokenMs: 0.1,
  };
  assert.equal(firstTokenMs(counted, alone, 1, random), 50);
  assert.equal(firstTokenMs(counted, { ...alone, remote: true }, 3, random), 10);
});

Deno.test("nextTokenMs() varies within 0.3 and 1.7 times its mean and is not rounded", () => {
  const latency = { ...DEFAULT_LATENCY, interTokenLatencyMs: 10, interTokenLatencyStdDevMs: 3 };
  const random = seeded(7);
  const drawn = Array.from({ length: 5_000 }, () => nextTokenMs(latency, 1, random));
  assert.ok(drawn.every((ms) => ms >= 3 && ms <= 17));
  assert.ok(drawn.some((ms) => !Number.isInteger(ms)));
  const mean = drawn.reduce((sum, ms) => sum + ms, 0) / drawn.length;
  assert.ok(Math.abs(mean - 10) < 0.2, `mean ${mean}`);
});
