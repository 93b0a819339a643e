import assert from "node:assert/strict";
import { instant } from "@/lib/kernel/clock.ts";
import { codeOf, openDatabase, type Sql } from "@/lib/kernel/database.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import type { UsageClosed } from "./usage_store.ts";
import {
  CLOSED_AT,
  closeRows,
  closing,
  insertMachine,
  opening,
  openRows,
  readRow,
} from "./usage_testing.ts";
import { writeRows } from "./usage_write.ts";

Deno.test("writeRows() opens a row on a ready machine only, and answers row by row", async () => {
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

Deno.test("writeRows() does not open a row again", async () => {
  await using db = await testDatabase();
  await insertMachine(db.sql, "mac_a", "ready");
  await openRows(db.sql, [opening("req_a")]);
  const again = openRows(db.sql, [opening("req_b"), opening("req_a")]);
  await assert.rejects(again, (error) => codeOf(error) === "23505");
  assert.equal((await db.sql`select from usage where id = 'req_b'`).count, 0, "all of it or none");
});

Deno.test("writeRows() opens some and closes others in one statement", async () => {
  await using db = await testDatabase();
  await insertMachine(db.sql, "mac_a", "ready");
  await openRows(db.sql, [opening("req_a"), opening("req_b")]);
  const both = {
    opens: [opening("req_c"), opening("req_d", { machineId: "mac_nobody" })],
    closes: [closing("req_x"), closing("req_b")],
  };
  assert.deepEqual(await writeRows(db.sql, both), { opened: [true, false], closed: [false, true] });
  const rows = await db.sql`select id, ended from usage order by id`;
  assert.deepEqual(rows.map(({ id, ended }) => [id, ended]), [
    ["req_a", null],
    ["req_b", "complete"],
    ["req_c", null],
  ]);
});

Deno.test("writeRows() and a machine's way into draining take turns", async () => {
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

Deno.test("writeRows() closes each row once, at the time it was given, and says which it closed", async () => {
  await using db = await testDatabase();
  await insertMachine(db.sql, "mac_a", "ready");
  await openRows(db.sql, [opening("req_a"), opening("req_b")]);
  assert.deepEqual(await closeRows(db.sql, [closing("req_a")]), [true]);
  const late: UsageClosed = { ...closing("req_a"), ended: "client_left", status: 499 };
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
  assert.equal(row.closed_at?.getTime(), CLOSED_AT);
});

Deno.test("writeRows() looks the rows up that it closes, however small their table was when it was planned", async () => {
  await using db = await testDatabase();
  await insertMachine(db.sql, "mac_a", "ready");
  const sql = openDatabase(db.target, { applicationName: "test", maxConnections: 1, byKey: true });
  try {
    const key = (i: number) => ({ id: `req_${i}`, openedAt: instant(CLOSED_AT - i) });
    const rows = (from: number, until: number) =>
      Array.from({ length: until - from }, (_, i) => ({ ...opening(""), ...key(from + i) }));
    await openRows(db.sql, rows(0, 100));
    await closeRows(sql, [{ ...closing(""), ...key(0) }]); // planned now
    await openRows(sql, rows(100, 2_000));
    const read = async () => {
      await sql`select pg_stat_force_next_flush()`;
      const [row] = await db.sql<{ rows: number }[]>`
        select sum(idx_tup_fetch + seq_tup_read)::integer as rows from pg_stat_user_tables
        where relname like 'usage%'`;
      return row?.rows ?? NaN;
    };
    const before = await read();
    await closeRows(sql, [{ ...closing(""), ...key(1_000) }]);
    const seen = await read() - before;
    assert.ok(seen < 20, `${seen} rows were read to close one`);
  } finally {
    await sql.end({ timeout: 1 });
  }
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
