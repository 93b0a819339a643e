import assert from "node:assert/strict";
import { addedOver, crossing, median, quantiles } from "./statistics.ts";

Deno.test("quantiles() rests a p99 of 2,000 on the 20 greatest", () => {
  const all = quantiles(Array.from({ length: 2_000 }, (_, i) => 2_000 - i));
  assert.equal(all.n, 2_000);
  assert.deepEqual([all.p50, all.p95, all.p99, all.max], [1_001, 1_901, 1_981, 2_000]);
});

Deno.test("median() of nothing is not a number", () => {
  assert.ok(Number.isNaN(median([])));
  assert.equal(median([3, 1, 2]), 2);
});

Deno.test("addedOver() takes each quantile from the same of the direct call", () => {
  const lane = { p50: 12, p95: 20, p99: 29 };
  assert.deepEqual(addedOver(lane, { p50: 10, p95: 11, p99: 31 }), { p50: 2, p95: 9, p99: -2 });
});

Deno.test("crossing() is on the line between the last point under the limit and the first over it", () => {
  const points = [[100, 2], [200, 4], [300, 12], [400, 3]] as const;
  assert.equal(crossing(points, 10), 275);
  assert.equal(crossing(points, 4), 200);
});

Deno.test("crossing() is unknown when no point is under the limit, or all are", () => {
  assert.equal(crossing([[100, 11], [200, 12]], 10), null);
  assert.equal(crossing([[100, 2], [200, 3]], 10), null);
  assert.equal(crossing([], 10), null);
});
