/** Tests of what the schema itself refuses and does (migrations/*.sql), whoever writes to it. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import type { Sql } from "./database.ts";
import { testDatabase } from "./test_database.ts";

/** The SQLSTATE an act fails with. */
async function stateOf(act: PromiseLike<unknown>): Promise<string> {
  try {
    await act;
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
  return "no error";
}

async function addMachine(sql: Sql, id: string, slot: number): Promise<void> {
  await sql`
    insert into machines (id, tier, slot, provider, place)
    values (${id}, 'box', ${slot}, 'local', 'asleep')`;
}

Deno.test("audit_log and operations refuse to be rewritten, and can be added to", async () => {
  await using db = await testDatabase();
  const { sql } = db;
  await addMachine(sql, "mac_1", 0);
  await sql`insert into audit_log (actor, action, subject) values ('a', 'b', 'c')`;
  await sql`
    insert into operations (id, kind, machine_id, to_place, generation, because)
    values ('opr_1', 'move', 'mac_1', 'waking', 1, 'asked')`;
  await sql`
    insert into operations (id, kind, machine_id, move_id, outcome, because)
    values ('opr_2', 'outcome', 'mac_1', 'opr_1', 'done', 'started')`;
  for (const table of ["audit_log", "operations"]) {
    equal(await stateOf(sql`delete from ${sql(table)}`), "23001");
    equal(await stateOf(sql`truncate ${sql(table)} cascade`), "23001");
  }
  equal(await stateOf(sql`update audit_log set actor = 'x'`), "23001");
  equal(await stateOf(sql`update operations set because = 'x'`), "23001");
});

Deno.test("operations takes one move per machine and generation", async () => {
  await using db = await testDatabase();
  const { sql } = db;
  await addMachine(sql, "mac_1", 0);
  const move = (id: string) =>
    sql`
      insert into operations (id, kind, machine_id, to_place, generation, because)
      values (${id}, 'move', 'mac_1', 'waking', 1, 'asked')`;
  await move("opr_1");
  equal(await stateOf(move("opr_2")), "23505");
});

Deno.test("machines refuses two in one slot, and one that serves without an address", async () => {
  await using db = await testDatabase();
  const { sql } = db;
  await addMachine(sql, "mac_1", 0);
  equal(await stateOf(addMachine(sql, "mac_2", 0)), "23505");
  await sql`update machines set retired_at = now() where id = 'mac_1'`;
  await addMachine(sql, "mac_2", 0);
  equal(await stateOf(sql`update machines set place = 'ready' where id = 'mac_2'`), "23514");
  equal(await stateOf(sql`update machines set place = 'flying' where id = 'mac_2'`), "23514");
  equal(await stateOf(sql`update machines set lease_holder = 'rep_1' where id = 'mac_2'`), "23514");
});

Deno.test("wakes allows one open wake per tier", async () => {
  await using db = await testDatabase();
  const { sql } = db;
  await addMachine(sql, "mac_1", 0);
  const wake = (id: string) =>
    sql`
      insert into wakes (id, tier, machine_id, deadline, from_place)
      values (${id}, 'box', 'mac_1', now() + interval '1 minute', 'asleep')`;
  await wake("wak_1");
  equal(await stateOf(wake("wak_2")), "23505");
  equal(await stateOf(sql`update wakes set ended_at = now() where id = 'wak_1'`), "23514");
  await sql`update wakes set ended_at = now(), outcome = 'served' where id = 'wak_1'`;
  await wake("wak_2");
});

async function addUsage(sql: Sql, id: string, openedAt: string): Promise<void> {
  await sql`
    insert into usage (id, opened_at, request_id, account_id, key_id, replica_id, route, model_asked, model,
      tier, band, machine_id, stream, admit_ms, wait_ms)
    values (${id}, ${openedAt}, 'r', 'acc_1', 'key_1', 'rep_1', 'chat', 'm', 'm', 'box', 'spot', 'mac_1',
      true, 0, 0)`;
}

Deno.test("usage closes with all of its closing figures or none", async () => {
  await using db = await testDatabase();
  const { sql } = db;
  await addUsage(sql, "req_1", "2026-03-01T00:00:00Z");
  equal(await stateOf(sql`update usage set closed_at = now() where id = 'req_1'`), "23514");
  await sql`
    update usage set closed_at = now(), ended = 'complete', status = 200, cost_nano_usd = 0
    where id = 'req_1'`;
  equal(await stateOf(sql`update usage set machine_id = null where id = 'req_1'`), "23514");
});

Deno.test("make_usage_month() makes a month by UTC whatever the session's zone, and makes it once", async () => {
  await using db = await testDatabase();
  const { sql } = db;
  await sql.begin(async (tx) => {
    await tx`set local timezone = 'Pacific/Auckland'`;
    await tx`select make_usage_month('2031-05-17')`;
    await tx`select make_usage_month('2031-05-01')`;
  });
  await addUsage(sql, "req_1", "2031-05-01T00:00:00Z");
  await addUsage(sql, "req_2", "2031-05-31T23:59:59.999Z");
  await addUsage(sql, "req_3", "2031-06-01T00:00:00Z");
  const rows = await sql<{ id: string; home: string }[]>`
    select id, tableoid::regclass::text as home from usage order by id`;
  deepEqual(rows.map((row) => row.home), ["usage_2031_05", "usage_2031_05", "usage_elsewhen"]);
});

Deno.test("make_usage_month() brings home the rows that came before their month was made", async () => {
  await using db = await testDatabase();
  const { sql } = db;
  await addUsage(sql, "req_1", "2031-05-10T00:00:00Z");
  await addUsage(sql, "req_2", "2031-07-10T00:00:00Z");
  await sql`select make_usage_month('2031-05-01')`;
  const rows = await sql<{ home: string }[]>`
    select tableoid::regclass::text as home from usage order by id`;
  deepEqual(rows.map((row) => row.home), ["usage_2031_05", "usage_elsewhen"]);
  await rejects(addUsage(sql, "req_1", "2031-05-10T00:00:00Z"), /duplicate key/);
  // Its indexes are the parent's: an index added to usage later reaches every month.
  const [indexes] = await sql<{ attached: number }[]>`
    select count(*) as attached from pg_inherits i join pg_index x on x.indexrelid = i.inhrelid
    where x.indrelid = 'usage_2031_05'::regclass`;
  equal(indexes?.attached, 5);
});
