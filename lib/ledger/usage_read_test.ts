import assert from "node:assert/strict";
import { instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { listUsage, type UsageFilter } from "./usage_read.ts";
import { summariseUsage } from "./usage_summary.ts";

const HOUR_MS = 3_600_000;
const start = Date.UTC(2026, 10, 21, 10);

type Row = {
  id: string;
  opened_at: string;
  account_id: string;
  key_id: string;
  model: string;
  tier: string | null;
  closed: "complete" | "refused" | null;
  prompt_tokens: number;
  completion_tokens: number;
  cost_nano_usd: string | null;
};

Deno.test("listUsage() pages newest first without losing or repeating rows of one moment", async () => {
  await using db = await testDatabase();
  // Four rows share each millisecond, two of them each microsecond.
  const ids = Array.from({ length: 23 }, (_, i) => `req_${String(i).padStart(3, "0")}`);
  await insert(
    db.sql,
    ids.map((id, i) => ({
      id,
      opened_at: `2026-11-21T10:00:00.00${i >> 2}${(i >> 1) & 1}01Z`,
    })),
  );
  const seen: string[] = [];
  let after: string | null = null;
  do {
    const page = await listUsage(db.sql, {}, { limit: 5, after });
    seen.push(...page.rows.map((row) => row.id));
    after = page.next;
    // A newer row must not push others onto the next page again.
    await insert(db.sql, [{ id: `req_new${seen.length}`, opened_at: "2026-11-21T12:00:00Z" }]);
  } while (after !== null);
  assert.deepEqual(seen, ids.toReversed());
});

Deno.test("listUsage() has no next page when the last one is exactly full", async () => {
  await using db = await testDatabase();
  await insert(db.sql, [{ id: "req_1" }, { id: "req_2" }]);
  assert.equal((await listUsage(db.sql, {}, { limit: 2 })).next, null);
  assert.notEqual((await listUsage(db.sql, {}, { limit: 1 })).next, null);
});

Deno.test("listUsage() applies each filter, since including its instant and until not", async () => {
  await using db = await testDatabase();
  await insert(db.sql, [
    { id: "req_a", account_id: "acc_b", key_id: "key_b", model: "large", tier: "second" },
    { id: "req_b", opened_at: new Date(start + HOUR_MS).toISOString(), closed: null },
    { id: "req_c", tier: null, closed: "refused" },
  ]);
  const ids = async (filter: UsageFilter) =>
    (await listUsage(db.sql, filter, { limit: 10 })).rows.map((row) => row.id).sort();
  assert.deepEqual(await ids({ accountId: "acc_b" }), ["req_a"]);
  assert.deepEqual(await ids({ keyId: "key_b" }), ["req_a"]);
  assert.deepEqual(await ids({ model: "large" }), ["req_a"]);
  assert.deepEqual(await ids({ tier: "second" }), ["req_a"]);
  assert.deepEqual(await ids({ state: "open" }), ["req_b"]);
  assert.deepEqual(await ids({ state: "closed" }), ["req_a", "req_c"]);
  assert.deepEqual(await ids({ since: instant(start + HOUR_MS) }), ["req_b"]);
  assert.deepEqual(await ids({ since: instant(start + HOUR_MS + 1) }), []);
  assert.deepEqual(await ids({ until: instant(start + HOUR_MS) }), ["req_a", "req_c"]);
  assert.deepEqual(await ids({ since: instant(start), model: "large", keyId: "key_a" }), []);
});

Deno.test("listUsage() reads an open, a closed and a refused row as they are", async () => {
  await using db = await testDatabase();
  await insert(db.sql, [
    { id: "req_1", closed: null, prompt_tokens: 7 },
    { id: "req_2", cost_nano_usd: "12345678901234567890" },
    { id: "req_3", closed: "refused", tier: null, cost_nano_usd: "0" },
  ]);
  const { rows } = await listUsage(db.sql, {}, { limit: 10 });
  const [refused, closed, open] = rows;
  assert.equal(open?.closed, null);
  assert.equal(open?.promptTokens, 7);
  assert.equal(open?.machineId, "mac_1");
  assert.equal(closed?.closed?.costNanoUsd, 12_345_678_901_234_567_890n);
  assert.equal(closed?.closed?.status, 200);
  assert.equal(closed?.openedAt, start);
  assert.equal(refused?.closed?.ended, "refused");
  assert.equal(refused?.tier, null);
});

Deno.test("listUsage() refuses a limit and a cursor that cannot be", async () => {
  await using db = await testDatabase();
  for (const limit of [0, 1_001, 1.5, NaN]) {
    await assert.rejects(listUsage(db.sql, {}, { limit }), isRefusal, String(limit));
  }
  assert.deepEqual(await listUsage(db.sql, {}, { limit: 1_000 }), { rows: [], next: null });
  for (const after of ["", "x", "2026-99-21T10:00:00.000000Z~req_1", "'; drop table usage"]) {
    await assert.rejects(listUsage(db.sql, {}, { limit: 1, after }), isRefusal, after);
  }
});

Deno.test("summariseUsage() sums exactly by model, tier and hour, and only closed rows have a cost", async () => {
  await using db = await testDatabase();
  const later = new Date(start + HOUR_MS).toISOString();
  await insert(db.sql, [
    { id: "req_1", prompt_tokens: 10, completion_tokens: 1, cost_nano_usd: "9007199254740993" },
    { id: "req_2", prompt_tokens: 20, completion_tokens: 2, cost_nano_usd: "9007199254740993" },
    { id: "req_3", closed: null, prompt_tokens: 5 },
    { id: "req_4", closed: "refused", tier: null, cost_nano_usd: "0" },
    { id: "req_5", opened_at: later, model: "large", cost_nano_usd: "1" },
  ]);
  const { sums, complete } = await summariseUsage(db.sql, {}, ["model", "tier", "hour"]);
  assert.ok(complete);
  const none = { open: 0, refused: 0, promptTokens: 0, completionTokens: 0, cachedTokens: 0 };
  assert.deepEqual(sums, [
    { model: "large", tier: "first", hour: start + HOUR_MS, requests: 1, ...none, costNanoUsd: 1n },
    {
      model: "small",
      tier: "first",
      hour: start,
      requests: 3,
      open: 1,
      refused: 0,
      promptTokens: 35,
      completionTokens: 3,
      cachedTokens: 0,
      costNanoUsd: 18_014_398_509_481_986n,
    },
    { model: "small", tier: null, hour: start, requests: 1, ...none, refused: 1, costNanoUsd: 0n },
  ]);
});

Deno.test("summariseUsage() sums only by what it is asked for, under the same filters", async () => {
  await using db = await testDatabase();
  await insert(db.sql, [{ id: "req_1" }, { id: "req_2", model: "large" }, { id: "req_3" }]);
  const by = await summariseUsage(db.sql, { model: "small" }, ["tier"]);
  assert.equal(by.sums.length, 1);
  assert.deepEqual([by.sums[0]?.model, by.sums[0]?.tier, by.sums[0]?.hour], [null, "first", null]);
  assert.equal(by.sums[0]?.requests, 2);
  assert.equal((await summariseUsage(db.sql, {}, [])).sums[0]?.requests, 3);
  assert.deepEqual((await summariseUsage(db.sql, { model: "none" }, ["model"])).sums, []);
});

function isRefusal(error: unknown): boolean {
  return error instanceof AppError && error.code === "invalid_request";
}

/** Writes rows, complete and closed unless said otherwise. */
async function insert(sql: Sql, rows: readonly (Partial<Row> & { id: string })[]): Promise<void> {
  const full = rows.map((row): Row => ({
    opened_at: new Date(start).toISOString(),
    account_id: "acc_a",
    key_id: "key_a",
    model: "small",
    tier: "first",
    closed: "complete",
    prompt_tokens: 0,
    completion_tokens: 0,
    cost_nano_usd: row.closed === null ? null : "0",
    ...row,
  }));
  await sql`
    insert into usage (
      id, opened_at, request_id, account_id, key_id, replica_id, route, model_asked, model, tier, band, machine_id,
      stream, admit_ms, wait_ms, prompt_tokens, completion_tokens, closed_at, status, ended, cost_nano_usd
    )
    select id, opened_at, 'x', account_id, key_id, 'rep_1', '/v1/chat/completions', model, model, tier,
      case when tier is null then null else 'spot' end, case when tier is null then null else 'mac_1' end,
      true, 1, 0, prompt_tokens, completion_tokens,
      case when closed is null then null else opened_at end, case when closed is null then null else 200 end,
      closed, cost_nano_usd
    from jsonb_to_recordset(${sql.json(full)}::jsonb) as t(
      id text, opened_at timestamptz, account_id text, key_id text, model text, tier text, closed text,
      prompt_tokens bigint, completion_tokens bigint, cost_nano_usd numeric
    )`;
}
