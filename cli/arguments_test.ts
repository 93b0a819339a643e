import assert from "node:assert/strict";
import { instant } from "@/lib/kernel/clock.ts";
import { parseCount, parseList, parseSpan, parseTime } from "./arguments.ts";

const now = instant(Date.UTC(2026, 10, 21, 12));

Deno.test("parseSpan() reads spans and refuses what is none", () => {
  const spans = ["90s", "15m", "24h", "30d", "2w"].map(parseSpan);
  assert.deepEqual(spans, [90_000, 900_000, 86_400_000, 2_592_000_000, 1_209_600_000]);
  for (const text of ["", "0s", "5", "d", "-1d", "1.5h", "1y", "999999w", "1d "]) {
    assert.throws(() => parseSpan(text), /Write a span/, text);
  }
});

Deno.test("parseTime() reads a span back from now, a day and a time", () => {
  assert.equal(parseTime("24h", now), now - 86_400_000);
  assert.equal(parseTime("2026-11-21", now), Date.UTC(2026, 10, 21));
  assert.equal(parseTime("2026-11-21T01:00Z", now), Date.UTC(2026, 10, 21, 1));
  assert.equal(
    parseTime("2026-11-21T01:00:30.5+02:00", now),
    Date.UTC(2026, 10, 20, 23, 0, 30, 500),
  );
  for (const text of ["", "yesterday", "2026-13-01", "2026-11-21T01:00", "21.11.2026"]) {
    assert.throws(() => parseTime(text, now), /Write a span back from now/, text);
  }
});

Deno.test("parseCount() reads whole numbers within its limits", () => {
  const count = parseCount(1, 1_000);
  assert.deepEqual(["1", "1000"].map(count), [1, 1_000]);
  for (const text of ["0", "1001", "1.5", "", "-1", "1e2", "0x10"]) {
    assert.throws(() => count(text), /whole number from 1 to 1000/, text);
  }
});

Deno.test("parseList() reads names with commas between them", () => {
  assert.deepEqual(parseList("a, b/c"), ["a", "b/c"]);
  for (const text of ["", "a,", ",a"]) assert.throws(() => parseList(text), /commas/, text);
});
