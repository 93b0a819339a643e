/** The text format. */

import assert from "node:assert/strict";
import { Counter, gauge, Histogram, sample } from "./prometheus.ts";

Deno.test("sample() prints numbers as prometheus_client does", () => {
  assert.deepEqual([0, 3, 0.05, 123456, 1_755_000_000, Infinity].map(sample), [
    "0.0",
    "3.0",
    "0.05",
    "123456.0",
    "1.755e+09",
    "+Inf",
  ]);
});

Deno.test("Counter prints _total and _created", () => {
  const counter = new Counter("x", "help", 1_755_000_000.5, [{ a: "b" }]);
  counter.add(2, { a: "b" });
  assert.equal(
    counter.text(),
    '# HELP x_total help\n# TYPE x_total counter\nx_total{a="b"} 2.0\n' +
      '# HELP x_created help\n# TYPE x_created gauge\nx_created{a="b"} 1.7550000005e+09\n',
  );
});

Deno.test("Histogram counts a value in its bucket and all above it", () => {
  const histogram = new Histogram("h", "help", [1, 2], 0, [{}]);
  histogram.observe(1, {});
  histogram.observe(1.5, {});
  histogram.observe(9, {});
  assert.match(
    histogram.text(),
    /h_bucket\{le="1.0"\} 1.0\nh_bucket\{le="2.0"\} 2.0\nh_bucket\{le="\+Inf"\} 3.0\nh_count 3.0\nh_sum 11.5\n/,
  );
});

Deno.test("gauge() escapes label values", () => {
  assert.match(gauge("g", "h", [[{ a: 'q"\\\n' }, 1]]), /g\{a="q\\"\\\\\\n"\} 1\.0/);
});
