import assert from "node:assert/strict";
import { manualClock, millis } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { createMetrics } from "@/lib/kernel/metrics.ts";
import { type TestDatabase, testDatabase } from "@/lib/kernel/test_database.ts";
import { createUsageLedger } from "./usage_ledger.ts";
import type { UsageCounts } from "./usage_store.ts";
import { closing, insertMachine, opening, readRow } from "./usage_testing.ts";
import { writeRows } from "./usage_write.ts";

const counts = (completionTokens: number): UsageCounts => ({
  promptTokens: 5,
  completionTokens,
  cachedTokens: 0,
  tokensFrom: "running",
});

/** A ledger whose writes to `usage` can be made to fail, and whose clock is moved by hand. */
async function ledgerOn(db: TestDatabase) {
  await insertMachine(db.sql, "mac_a", "ready");
  const clock = manualClock();
  const events: string[] = [];
  const note = (event: string) => void events.push(event);
  let fault: Error | null = null;
  let faultsLeft = Infinity;
  const writes: string[] = [];
  const apply = <F extends CallableFunction>(
    target: F,
    self: unknown,
    args: unknown[],
  ): unknown => {
    const text = String(Array.isArray(args[0]) ? args[0][0] : args[0]).trim();
    if (/^(update|insert into|with done|with want)/.test(text)) {
      writes.push(text.split(/\s+/, 1)[0] ?? "");
      if (fault !== null && faultsLeft-- > 0) return Promise.reject(fault);
    }
    return Reflect.apply(target, self, args);
  };
  const sql: Sql = new Proxy<Sql>(db.sql, {
    apply,
    get: (target, name) =>
      name === "unsafe" ? new Proxy(target.unsafe, { apply }) : Reflect.get(target, name),
  });
  const ledger = createUsageLedger({
    sql,
    write: (writes) => writeRows(sql, writes),
    clock,
    log: { ...silentLog, warn: note, error: note },
    metrics: createMetrics(),
  });
  return {
    ledger,
    clock,
    events,
    writes,
    fail(error: Error | null, times = Infinity) {
      [fault, faultsLeft] = [error, times];
    },
    [Symbol.dispose]: () => ledger.stop(),
  };
}

const lost = () => Object.assign(new Error("the line is dead"), { code: "CONNECTION_CLOSED" });

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!await holds()) {
    if (performance.now() > endMs) throw new Error("not within 10 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("UsageLedger opens a thousand rows in a few writes", async () => {
  await using db = await testDatabase();
  using hand = await ledgerOn(db);
  const rows = Array.from({ length: 1_000 }, (_, i) => opening(`req_${i}`));
  assert.ok((await Promise.all(rows.map(hand.ledger.open))).every((stands) => stands));
  assert.ok(hand.writes.length <= 8, `${hand.writes.length} writes`); // of 128 rows
});

Deno.test("UsageLedger answers false for a machine that takes nothing, and throws when the database is gone", async () => {
  await using db = await testDatabase();
  using hand = await ledgerOn(db);
  assert.equal(await hand.ledger.open(opening("req_a", { machineId: "mac_none" })), false);
  hand.fail(lost());
  await assert.rejects(hand.ledger.open(opening("req_b")), /line is dead/);
});

Deno.test("UsageLedger checkpoints what moved, once a second, until the row is closed", async () => {
  await using db = await testDatabase();
  using hand = await ledgerOn(db);
  const key = opening("req_a");
  await hand.ledger.open(key);
  let tokens = 3;
  const untrack = hand.ledger.track(key, () => counts(tokens));
  const before = hand.writes.length;
  hand.clock.advance(millis(999));
  assert.equal(hand.writes.length, before);
  hand.clock.advance(millis(1));
  await until(async () => (await readRow(db.sql, "req_a")).completion_tokens === 3);
  const afterFirst = hand.writes.length;
  hand.clock.advance(millis(1_000));
  await until(() => true);
  assert.equal(hand.writes.length, afterFirst, "nothing moved, nothing is written");
  tokens = 8;
  await until(async () => {
    hand.clock.advance(millis(1_000));
    return (await readRow(db.sql, "req_a")).completion_tokens === 8;
  });
  untrack();
  tokens = 9;
  const last = hand.writes.length;
  hand.clock.advance(millis(5_000));
  await until(() => true);
  assert.equal(hand.writes.length, last);
});

Deno.test("UsageLedger goes on checkpointing after one that failed", async () => {
  await using db = await testDatabase();
  using hand = await ledgerOn(db);
  await hand.ledger.open(opening("req_a"));
  let tokens = 1;
  hand.ledger.track(opening("req_a"), () => counts(tokens));
  hand.fail(lost());
  hand.clock.advance(millis(1_000));
  await until(() => hand.events.includes("usage_checkpoint_failed"));
  hand.fail(null);
  await until(async () => {
    tokens++;
    hand.clock.advance(millis(1_000));
    return (await readRow(db.sql, "req_a")).completion_tokens > 1;
  });
});

Deno.test("UsageLedger writes a checkpoint again that was lost, even when nothing moved since", async () => {
  await using db = await testDatabase();
  using hand = await ledgerOn(db);
  await hand.ledger.open(opening("req_a"));
  hand.ledger.track(opening("req_a"), () => counts(7));
  hand.fail(lost());
  hand.clock.advance(millis(1_000));
  await until(() => hand.events.includes("usage_checkpoint_failed"));
  hand.fail(null);
  await until(async () => {
    hand.clock.advance(millis(1_000));
    return (await readRow(db.sql, "req_a")).completion_tokens === 7;
  });
});

Deno.test("UsageLedger tries a close until it stands, doubling the wait, and settles then", async () => {
  await using db = await testDatabase();
  using hand = await ledgerOn(db);
  await hand.ledger.open(opening("req_a"));
  hand.fail(lost());
  hand.ledger.close(closing("req_a"));
  assert.equal(hand.ledger.unsettled, 1);
  for (const waitMs of [100, 200, 400]) {
    const tries = hand.events.length + 1;
    await until(() => hand.events.length === tries);
    hand.clock.advance(millis(waitMs - 1));
    await until(() => true);
    assert.equal(hand.events.length, tries, `not before ${waitMs} ms`);
    if (waitMs === 400) hand.fail(null);
    hand.clock.advance(millis(1));
  }
  await hand.ledger.settle(new AbortController().signal);
  assert.equal(hand.ledger.unsettled, 0);
  assert.equal((await readRow(db.sql, "req_a")).ended, "complete");
  assert.deepEqual(new Set(hand.events), new Set(["usage_close_retried"]));
});

Deno.test("UsageLedger tries again at once what another write stood in the way of, and not for ever", async () => {
  await using db = await testDatabase();
  using hand = await ledgerOn(db);
  hand.fail(Object.assign(new Error("deadlock detected"), { code: "40P01" }), 2);
  assert.equal(await hand.ledger.open(opening("req_a")), true);
  hand.fail(Object.assign(new Error("deadlock detected"), { code: "40P01" }), 3);
  await assert.rejects(hand.ledger.open(opening("req_b")), /deadlock/);
});

Deno.test("UsageLedger goes on closing a row through deadlocks and timeouts", async () => {
  await using db = await testDatabase();
  using hand = await ledgerOn(db);
  await hand.ledger.open(opening("req_a"));
  for (const code of ["40P01", "57014", "53100"]) {
    const tries = hand.events.length + 1;
    hand.fail(Object.assign(new Error(code), { code }));
    if (code === "40P01") hand.ledger.close(closing("req_a"));
    else hand.clock.advance(millis(5_000));
    await until(() => hand.events.length === tries);
  }
  hand.fail(null);
  hand.clock.advance(millis(5_000));
  await hand.ledger.settle(new AbortController().signal);
  assert.equal((await readRow(db.sql, "req_a")).ended, "complete");
  assert.deepEqual(new Set(hand.events), new Set(["usage_close_retried"]));
});

Deno.test("UsageLedger.settle() gives up with its signal while the database is gone", async () => {
  await using db = await testDatabase();
  using hand = await ledgerOn(db);
  hand.fail(lost());
  hand.ledger.close(closing("req_a"));
  const patience = new AbortController();
  const settled = hand.ledger.settle(patience.signal);
  patience.abort();
  await settled;
  assert.equal(hand.ledger.unsettled, 1);
});

Deno.test("UsageLedger leaves a row alone that was closed before, and says so", async () => {
  await using db = await testDatabase();
  using hand = await ledgerOn(db);
  await hand.ledger.open(opening("req_a"));
  hand.ledger.close(closing("req_a"));
  await hand.ledger.settle(new AbortController().signal);
  hand.ledger.close({ ...closing("req_a"), ended: "client_left" });
  await hand.ledger.settle(new AbortController().signal);
  assert.equal((await readRow(db.sql, "req_a")).ended, "complete");
  assert.deepEqual(hand.events, ["usage_row_closed_before"]);
});

Deno.test("UsageLedger gives up on a row that can never stand, and does not take others along", async () => {
  await using db = await testDatabase();
  using hand = await ledgerOn(db);
  await hand.ledger.open(opening("req_a"));
  await hand.ledger.open(opening("req_b"));
  hand.ledger.close({ ...closing("req_a"), status: 9_999 });
  hand.ledger.close(closing("req_b"));
  await hand.ledger.settle(new AbortController().signal);
  assert.deepEqual(hand.events, ["usage_row_not_closed"]);
  assert.equal((await readRow(db.sql, "req_a")).closed_at, null);
  assert.equal((await readRow(db.sql, "req_b")).ended, "complete");
});

Deno.test("UsageLedger writes refusals and parks rows", async () => {
  await using db = await testDatabase();
  using hand = await ledgerOn(db);
  await hand.ledger.open(opening("req_a"));
  await hand.ledger.park(opening("req_a"));
  assert.equal((await readRow(db.sql, "req_a")).machine_id, null);
  const place = { model: "m", tier: "t", wakeId: null, waitMs: 3 };
  hand.ledger.refuse({ ...opening("req_b"), ...place, status: 429, errorCode: "queue_full" });
  await hand.ledger.settle(new AbortController().signal);
  assert.equal((await readRow(db.sql, "req_b")).error_code, "queue_full");
});
