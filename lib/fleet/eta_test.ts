import assert from "node:assert/strict";
import { millis, seconds } from "@/lib/kernel/clock.ts";
import { remaining } from "./eta.ts";

const TIMES = { p50S: 60, p95S: 100, samples: 20 };

Deno.test("remaining() counts down to the median, then to the 95th percentile, then says nothing", () => {
  assert.deepEqual(remaining(TIMES, seconds(0)), { likely: seconds(60), atMost: seconds(100) });
  assert.deepEqual(remaining(TIMES, millis(59_999)), { likely: millis(1), atMost: millis(40_001) });
  assert.deepEqual(remaining(TIMES, seconds(60)), { likely: seconds(40), atMost: seconds(40) });
  assert.deepEqual(remaining(TIMES, millis(99_999)), { likely: millis(1), atMost: millis(1) });
  assert.equal(remaining(TIMES, seconds(100)), null);
});

Deno.test("remaining() says nothing without history", () => {
  assert.equal(remaining(null, seconds(0)), null);
});
