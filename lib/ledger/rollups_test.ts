/** Tests of rollups.ts: what a run covers, and that minutes come to what their rows come to, however late those are. */
import assert from "node:assert/strict";
import { instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { newId } from "@/lib/kernel/ids.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { freshFrom, readRolledTo, recheckBack, rollUp, spansOf } from "./rollups.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOON = Date.parse("2026-11-20T12:00:00Z");
const at = (minute: number) => instant(NOON + minute * MINUTE);

async function endedAt(sql: Sql, minute: number): Promise<void> {
  const closed = new Date(at(minute));
  await sql`
    insert into usage (
      id, opened_at, request_id, account_id, key_id, replica_id, route, model_asked, model, tier, band, machine_id,
      stream, admit_ms, wait_ms, prompt_tokens, completion_tokens, closed_at, status, ended, cost_nano_usd
    ) values (
      ${
    newId("req", at(minute))
  }, ${closed}, 'r', 'acc_1', 'key_1', 'rep_1', '/v1', 'm', 'm', 't', 'spot', 'mac_a',
      false, 0, 0, 10, 5, ${closed}, 200, 'complete', 0
    )`;
}

const minutesOf = async (sql: Sql) =>
  (await sql<{ minute: Date; requests: number; tokens: number; recorded: Date }[]>`
    select minute, requests, prompt_tokens + completion_tokens as tokens, recorded_at as recorded
    from usage_minutes order by seq
  `).map(({ minute, requests, tokens, recorded }) => [
    (minute.getTime() - NOON) / MINUTE,
    requests,
    tokens,
    (recorded.getTime() - NOON) / MINUTE,
  ]);

Deno.test("freshFrom() begins a little before the last run's end, and the first time with the first row", () => {
  const state = (rolledTo: number | null) => (
    { rolledTo: rolledTo === null ? null : at(rolledTo), recheckedAt: null }
  );
  assert.equal(freshFrom(state(-30), at(-500), at(0)), at(-40));
  assert.equal(freshFrom(state(5), at(-500), at(0)), at(-10), "the clock went back");
  assert.equal(freshFrom(state(null), instant(at(-500) + 1), at(0)), at(-500));
  assert.equal(freshFrom(state(null), null, at(0)), at(-10));
});

Deno.test("recheckBack() looks further back when an hour or a day has begun since, and not otherwise", () => {
  const day = 24 * HOUR;
  assert.equal(recheckBack(at(0), at(59)), null);
  assert.equal(recheckBack(at(0), instant(at(60) - 1)), null);
  assert.equal(recheckBack(at(0), at(60)), 6 * HOUR);
  assert.equal(recheckBack(at(0), at(12 * 60)), 35 * day);
  assert.equal(recheckBack(null, at(0)), 35 * day);
});

Deno.test("spansOf() cuts at whole hours and leaves nothing out", () => {
  assert.deepEqual(spansOf({ from: at(50), to: at(125) }), [
    { from: at(50), to: at(60) },
    { from: at(60), to: at(120) },
    { from: at(120), to: at(125) },
  ]);
  assert.deepEqual(spansOf({ from: at(5), to: at(5) }), []);
});

Deno.test("rollUp() writes ended minutes once, and a late row as a row of its own; the hours follow", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  await endedAt(sql, 0.5);
  await endedAt(sql, 1);
  await endedAt(sql, 2.5);
  assert.equal(await readRolledTo(sql), null);
  await rollUp(sql, at(2.9));
  assert.deepEqual(await minutesOf(sql), [[0, 1, 15, 2.9], [1, 1, 15, 2.9]]);
  assert.equal(await readRolledTo(sql), at(2));
  await endedAt(sql, 0.9);
  await Promise.all([rollUp(sql, at(3)), rollUp(sql, at(3))]);
  const rows = await minutesOf(sql);
  assert.deepEqual(rows.slice(2), [[0, 1, 15, 3], [2, 1, 15, 3]]);
  await rollUp(sql, at(4));
  assert.deepEqual(await minutesOf(sql), rows);
  const hours =
    await sql`select at as hour, requests, prompt_tokens from usage_spans where span = 'hour'`;
  assert.deepEqual([...hours], [{ hour: new Date(NOON), requests: 4, prompt_tokens: 40 }]);
  await assert.rejects(sql`update usage_minutes set requests = 0`, /append-only/);
});

Deno.test("rollUp() finds rows of hours ago at the next hour, and of weeks ago at the next day", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  await rollUp(sql, at(0));
  await endedAt(sql, -5 * 60);
  await endedAt(sql, -30 * 24 * 60);
  await rollUp(sql, at(59));
  assert.equal((await minutesOf(sql)).length, 0);
  await rollUp(sql, at(60));
  assert.deepEqual(await minutesOf(sql), [[-300, 1, 15, 60]]);
  await rollUp(sql, at(12 * 60));
  assert.deepEqual((await minutesOf(sql)).slice(1), [[-30 * 24 * 60, 1, 15, 720]]);
});

Deno.test("rollUp() that is stopped leaves whole minutes, and the next run goes on", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  for (let hour = 0; hour < 3; hour++) await endedAt(sql, hour * 60 + 1);
  const stop = new AbortController();
  let begun = 0;
  const stopping = new Proxy(sql, {
    get(target, name, self) {
      // The second span's transaction fails half-way, as if the connection were cut.
      if (name === "begin" && ++begun === 2) {
        return (body: (tx: Sql) => Promise<void>) =>
          target.begin(async (tx) => {
            await body(tx as unknown as Sql);
            throw new Error("cut");
          });
      }
      return Reflect.get(target, name, self);
    },
  });
  await assert.rejects(rollUp(stopping, at(180), stop.signal), /cut/);
  assert.deepEqual((await minutesOf(sql)).map(([minute]) => minute), [1]);
  assert.equal(await readRolledTo(sql), at(60));
  stop.abort();
  await rollUp(sql, at(180), stop.signal);
  assert.equal((await minutesOf(sql)).length, 1);
  await rollUp(sql, at(180));
  assert.deepEqual((await minutesOf(sql)).map(([minute]) => minute), [1, 61, 121]);
});
