/** Tests of figures_read.ts: where a window ends, and for how long its figures are held. */
import assert from "node:assert/strict";
import { instant, manualClock, minutes, seconds } from "@/lib/kernel/clock.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { figuresReader, windowOf } from "./figures_read.ts";
import { readFolds } from "./folds.ts";
import { rollUp } from "./rollups.ts";

const NOON = Date.parse("2026-11-20T12:00:00Z");
const DAY = 86_400_000;

Deno.test("windowOf() ends with the last whole minute, or where the roll-ups end", () => {
  const now = instant(NOON + 59_999);
  assert.deepEqual(windowOf("24h", now, null), { from: NOON - DAY, to: NOON });
  assert.deepEqual(windowOf("24h", instant(NOON + 60_000), null).to, NOON + 60_000);
  assert.deepEqual(windowOf("7d", now, instant(NOON)), { from: NOON - 7 * DAY, to: NOON });
  assert.equal(windowOf("30d", now, instant(NOON - 300_000)).to, NOON - 300_000);
  assert.equal(windowOf("30d", now, instant(NOON + 300_000)).to, NOON, "another's clock is ahead");
});

Deno.test("figuresReader() holds a window for a minute, then reads it up to the roll-ups' new end", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  const clock = manualClock(NOON);
  const read = figuresReader({ sql, clock, folds: await readFolds() });
  await rollUp(sql, clock.now());
  assert.equal((await read("24h")).window.to, NOON);
  clock.advance(minutes(10));
  assert.equal((await read("24h")).window.to, NOON, "nothing is rolled up since");
  await rollUp(sql, clock.now());
  clock.advance(seconds(59));
  assert.equal((await read("24h")).window.to, NOON, "held");
  clock.advance(seconds(1));
  assert.equal((await read("24h")).window.to, NOON + 600_000);
});
