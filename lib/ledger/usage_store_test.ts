import assert from "node:assert/strict";
import { instant } from "@/lib/kernel/clock.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import {
  checkpointRows,
  makeUsageMonths,
  moveRows,
  parkRows,
  sweepRows,
  writeRefused,
} from "./usage_store.ts";
import {
  CLOSED_AT,
  closeRows,
  closing,
  insertMachine,
  opening,
  openRows,
  readRow,
} from "./usage_testing.ts";

const NOW = CLOSED_AT;

Deno.test("moveRows() moves an open row to another machine, opens one that never was and leaves a closed one as it is", async () => {
  await using db = await testDatabase();
  await insertMachine(db.sql, "mac_a", "ready");
  await insertMachine(db.sql, "mac_b", "ready");
  await openRows(db.sql, [opening("req_a"), opening("req_b")]);
  await closeRows(db.sql, [closing("req_b")]);
  const again = { machineId: "mac_b", attempts: 2, waitMs: 7.4 };
  const moved = [opening("req_a", again), opening("req_b", again)];
  await moveRows(db.sql, moved);
  const [a, b] = [await readRow(db.sql, "req_a"), await readRow(db.sql, "req_b")];
  assert.deepEqual([a.machine_id, a.attempts, a.wait_ms], ["mac_b", 2, 7]);
  assert.deepEqual([b.machine_id, b.attempts], ["mac_a", 1]);
  assert.deepEqual(await moveRows(db.sql, moved), [true, true], "a repeated batch is safe");
  const others = [opening("req_c", again), opening("req_d", { machineId: "mac_nobody" })];
  assert.deepEqual(await moveRows(db.sql, others), [true, false]);
  assert.equal((await readRow(db.sql, "req_c")).machine_id, "mac_b");
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
  await checkpointRows(
    db.sql,
    [{ ...key("req_a"), ...counts }, { ...key("req_b"), ...counts }],
    NOW,
  );
  const a = await readRow(db.sql, "req_a");
  assert.deepEqual(
    [
      a.prompt_tokens,
      a.completion_tokens,
      a.cached_tokens,
      a.tokens_from,
      a.checkpoint_at?.getTime(),
    ],
    [5, 3, 2, "running", NOW],
  );
  const b = await readRow(db.sql, "req_b");
  assert.deepEqual([b.completion_tokens, b.checkpoint_at], [20, null]);
});

Deno.test("checkpointRows() does not wait for a row that is being closed, and writes the others", async () => {
  await using db = await testDatabase();
  await insertMachine(db.sql, "mac_a", "ready");
  await openRows(db.sql, [opening("req_a"), opening("req_b")]);
  const counts = { promptTokens: 5, completionTokens: 3, cachedTokens: 2 };
  const line = (id: string) => ({
    ...{ id, openedAt: opening(id).openedAt, ...counts, tokensFrom: "running" as const },
  });
  await db.sql.begin(async (tx) => {
    await tx`update usage set attempts = 2 where id = 'req_a'`;
    await checkpointRows(db.sql, [line("req_a"), line("req_b")], NOW);
  });
  const [a, b] = [await readRow(db.sql, "req_a"), await readRow(db.sql, "req_b")];
  assert.deepEqual([a.completion_tokens, b.completion_tokens], [0, 3]);
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
  assert.equal(row.closed_at?.getTime(), refused.openedAt + 590_001, "when its wait was over");
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
  }], NOW);
  assert.equal(await sweepRows(db.sql, 30, NOW), 3);
  assert.equal(await sweepRows(db.sql, 30, NOW), 0);
  const row = await readRow(db.sql, "req_silent");
  assert.deepEqual(
    [row.ended, row.status, row.cost_nano_usd, row.completion_tokens, row.closed_at?.getTime()],
    ["interrupted", 502, "11", 2, NOW],
  );
  assert.equal((await readRow(db.sql, "req_ended")).cost_nano_usd, "0");
  assert.equal((await readRow(db.sql, "req_live")).closed_at, null);
});

Deno.test("a row of an unmade month has a home, and moves when its month is made", async () => {
  await using db = await testDatabase();
  await insertMachine(db.sql, "mac_a", "ready");
  const openedAt = instant(Date.UTC(2031, 4, 10));
  await openRows(db.sql, [opening("req_a", { openedAt })]);
  const homeOf = async () => {
    const [row] = await db.sql<{ home: string }[]>`
      select tableoid::regclass::text as home from usage where id = 'req_a'`;
    return row?.home;
  };
  assert.equal(await homeOf(), "usage_elsewhen");
  await makeUsageMonths(db.sql, NOW);
  assert.equal(await homeOf(), "usage_elsewhen");
  await makeUsageMonths(db.sql, instant(Date.UTC(2031, 3, 30, 23, 59)));
  assert.equal(await homeOf(), "usage_2031_05");
  assert.deepEqual(await closeRows(db.sql, [{ ...closing("req_a"), openedAt }]), [true]);
});
