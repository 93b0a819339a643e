import assert from "node:assert/strict";
import { dayText, lastingText, spanText, utcText } from "./shown_time.ts";

Deno.test("spanText() writes a span in the units a reader would choose", () => {
  const cases: [number, string][] = [
    [-5, "0.0 s"],
    [420, "0.4 s"],
    [9_949, "9.9 s"],
    [9_951, "10 s"],
    [119_400, "119 s"],
    [119_600, "2 min 00 s"],
    [185_000, "3 min 05 s"],
    [3_599_000, "59 min 59 s"],
    [7_800_000, "2 h 10 min"],
    [48 * 3_600_000, "2 days"],
  ];
  for (const [ms, text] of cases) assert.equal(spanText(ms), text);
});

Deno.test("lastingText() changes only when a whole unit has passed", () => {
  assert.equal(lastingText(59_999), "59 s");
  assert.equal(lastingText(60_000), "1 min");
  assert.equal(lastingText(3_600_000), "1 h");
  assert.equal(lastingText(72 * 3_600_000), "3 days");
});

Deno.test("utcText() and dayText() do not depend on where they run", () => {
  assert.equal(utcText(1_700_000_000_000), "2023-11-14 22:13:20");
  assert.equal(dayText(1_700_000_000_000), "2023-11-14");
});
