import assert from "node:assert/strict";
import { type Instant, instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import {
  checkpointRows,
  closeRows,
  makeUsageMonths,
  openRows,
  parkRows,
  sweepRows,
  type UsageClose,
  writeRefused,
} from "./usage_store.ts";
import { closing, insertMachine, opening, readRow } from "./usage_testing.ts";

Deno.test("openRows() opens a row on a ready machine only, and answers row by row", async () => {
  await using db = await testDatabase();
  await insertMachine(db.sql, "mac_ready", "ready");
  await insertMachine(db.sql, "mac_drains", "draining");
  const rows = [
    opening("req_a", { machineId: "mac_ready" }),
    opening("req_b", { machineId: "mac_drains" }),
    opening("req_c", { machineId: "mac_nobody" }),
    opening("req_d", { machineId: "mac_ready" }),
  ];
  assert.deepEqual(await openRows(db.sql, rows), [true, false, false, true]);
  const ids = await db.sql<{ id: string }[]>`select id from usage order by id`;
  assert.deepEqual(ids.map((row) => row.id), ["req_a", "req_d"]);
  const row = await readRow(db.sql, "req_a");
  assert.deepEqual([row.attempts, row.machine_id, row.admit_ms, row.closed_at], [
    1,
    "mac_ready",
    1,
    null,
  ]);
});

Deno.test("openRows() moves an open row to another machine and leaves a closed one as it is", async () => {
  await using db = await testDatabase();
  await insertMachine(db.sql, "mac_a", "ready");
  await insertMachine(db.sql, "mac_b", "ready");
  await openRows(db.sql, [opening("req_a"), opening("req_b")]);
  await closeRows(db.sql, [closing("req_b")]);
  const again = { machineId: "mac_b", attempts: 2, waitMs: 7.4 };
  const moved = [opening("req_a", again), opening("req_b", again)];
  await openRows(db.sql, moved);
  const [a, b] = [await readRow(db.sql, "req_a"), await readRow(db.sql, "req_b")];
  assert.deepEqual([a.machine_id, a.attempts, a.wait_ms], ["mac_b", 2, 7]);
  assert.deepEqual([b.machine_id, b.attempts], ["mac_a", 1]);
  assert.deepEqual(await openRows(db.sql, moved), [true, true], "a repeated batch is safe");
});

Deno.test("openRows() and a machine's way into draining take turns", async () => {
  await using db = await testDatabase();
  await insertMachine(db.sql, "mac_a", "ready");
  let opened: Promise<boolean[]> | null = null;
  await db.sql.begin(async (tx) => {
    await tx`update machines set place = 'draining' where id = 'mac_a'`;
    opened = openRows(db.sql, [opening("req_a")]);
    await untilWaiting(db.sql);
  });
  assert.deepEqual(await opened, [false]);
});

Deno.test("parkRows() takes open rows off their machine, and no closed one", async () => {
  await using db = await testDatabase();
  await insertMachine(db.sql, "mac_a", "ready");
  const rows = [opening("req_a"), opening("req_b")];
  await openRows(db.sql, rows);
  await closeRows(db.sql, [closing("req_b")]);
  await parkRows(db.sql, rows);
  assert.equal((await readRow(db.sql, "req_a")).machine_id, null);
  assert.equal((await readRow(db.sql, "req_b")).machine_id, "mac_a");
});

Deno.test("checkpointRows() writes the running counts of open rows only", async () => {
  await using db = await testDatabase();
  await insertMachine(db.sql, "mac_a", "ready");
  await openRows(db.sql, [opening("req_a"), opening("req_b")]);
  await closeRows(db.sql, [closing("req_b")]);
  const counts = {
    promptTokens: 5,
    completionTokens: 3,
    cachedTokens: 2,
    tokensFrom: "running" as const,
  };
  const key = (id: string) => ({ id, openedAt: opening(id).openedAt });
  await checkpointRows(db.sql, [{ ...key("req_a"), ...counts }, { ...key("req_b"), ...counts }]);
  const a = await readRow(db.sql, "req_a");
  assert.deepEqual(
    [
      a.prompt_tokens,
      a.completion_tokens,
      a.cached_tokens,
      a.tokens_from,
      a.checkpoint_at !== null,
    ],
    [5, 3, 2, "running", true],
  );
  const b = await readRow(db.sql, "req_b");
  assert.deepEqual([b.completion_tokens, b.checkpoint_at], [20, null]);
});

Deno.test("closeRows() closes each row once and says which it closed", async () => {
  await using db = await testDatabase();
  await insertMachine(db.sql, "mac_a", "ready");
  await openRows(db.sql, [opening("req_a"), opening("req_b")]);
  assert.deepEqual(await closeRows(db.sql, [closing("req_a")]), [true]);
  const late: UsageClose = { ...closing("req_a"), ended: "client_left", status: 499 };
  assert.deepEqual(await closeRows(db.sql, [late, closing("req_b"), closing("req_x")]), [
    false,
    true,
    false,
  ]);
  const row = await readRow(db.sql, "req_a");
  assert.deepEqual(
    [row.ended, row.status, row.finish_reason, row.ttft_ms, row.total_ms, row.cost_nano_usd],
    ["complete", 200, "stop", 12, 35, "123456789012"],
  );
});

Deno.test("writeRefused() writes a row that is born closed, once", async () => {
  await using db = await testDatabase();
  const { model } = opening("req_a");
  const refused = {
    ...opening("req_a"),
    model,
    tier: null,
    wakeId: "wak_1",
    waitMs: 590_000.4,
    status: 504,
    errorCode: "wake_timeout",
  };
  await writeRefused(db.sql, [refused]);
  await writeRefused(db.sql, [{ ...refused, status: 429 }]);
  const row = await readRow(db.sql, "req_a");
  assert.deepEqual(
    [row.ended, row.status, row.error_code, row.machine_id, row.total_ms, row.cost_nano_usd],
    ["refused", 504, "wake_timeout", null, 590_001, "0"],
  );
});

Deno.test("sweepRows() closes what dead replicas left, at the price the row was opened under", async () => {
  await using db = await testDatabase();
  await insertMachine(db.sql, "mac_a", "ready");
  await db.sql`insert into prices (id, model, band, input_nano_usd, output_nano_usd)
    values ('prc_1', 'm', 'spot', 1000000, 3000000)`;
  await db.sql`insert into replicas (id, host, pid, version, seen_at, ended_at) values
    ('rep_live', 'h', 1, '1', now() - interval '20 seconds', null),
    ('rep_silent', 'h', 1, '1', now() - interval '40 seconds', null),
    ('rep_ended', 'h', 1, '1', now(), now())`;
  await openRows(db.sql, [
    opening("req_live", { replicaId: "rep_live" }),
    opening("req_silent", { replicaId: "rep_silent", priceId: "prc_1" }),
    opening("req_ended", { replicaId: "rep_ended" }),
    opening("req_unknown", { replicaId: "rep_nobody" }),
  ]);
  const { openedAt } = opening("req_silent");
  await checkpointRows(db.sql, [{
    id: "req_silent",
    openedAt,
    promptTokens: 5,
    completionTokens: 2,
    cachedTokens: 0,
    tokensFrom: "running",
  }]);
  assert.equal(await sweepRows(db.sql, 30), 3);
  assert.equal(await sweepRows(db.sql, 30), 0);
  const row = await readRow(db.sql, "req_silent");
  assert.deepEqual([row.ended, row.status, row.cost_nano_usd, row.completion_tokens], [
    "interrupted",
    502,
    "11",
    2,
  ]);
  assert.equal((await readRow(db.sql, "req_ended")).cost_nano_usd, "0");
  assert.equal((await readRow(db.sql, "req_live")).closed_at, null);
});

Deno.test("a row of an unmade month has a home, and moves when its month is made", async () => {
  await using db = await testDatabase();
  await insertMachine(db.sql, "mac_a", "ready");
  const [later] = await db.sql<{ at: Date }[]>`select now() + interval '3 months' as at`;
  const openedAt: Instant = instant(later?.at.getTime() ?? 0);
  await openRows(db.sql, [opening("req_a", { openedAt })]);
  const homeOf = async () => {
    const [row] = await db.sql<{ home: string }[]>`
      select tableoid::regclass::text as home from usage where id = 'req_a'`;
    return row?.home;
  };
  assert.equal(await homeOf(), "usage_elsewhen");
  await makeUsageMonths(db.sql);
  assert.equal(await homeOf(), "usage_elsewhen");
  await db.sql`select make_usage_month(${new Date(openedAt)}::timestamptz::date)`;
  assert.match(await homeOf() ?? "", /^usage_\d{4}_\d{2}$/);
  assert.deepEqual(await closeRows(db.sql, [{ ...closing("req_a"), openedAt }]), [true]);
});

/** Until some statement waits for a lock; there is nothing to listen to, so it is looked for. */
async function untilWaiting(sql: Sql): Promise<void> {
  for (let looks = 0; looks < 2_000; looks++) {
    const waiting = await sql`
      select 1 from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    if (waiting.length > 0) return;
  }
  throw new Error("no statement waited for the lock");
}
