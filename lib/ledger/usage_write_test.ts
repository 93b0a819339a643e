/** One suite for both ways to the database: lines of our own, and postgres.js, which is the reference. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { instant, systemClock } from "@/lib/kernel/clock.ts";
import { codeOf, isConnectionLost, openDatabase, type Sql } from "@/lib/kernel/database.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { nodeSockets } from "@/lib/kernel/sockets/node_sockets.ts";
import { openSockets } from "@/lib/kernel/sockets/sockets.ts";
import type { Sockets } from "@/lib/kernel/sockets/wire.ts";
import { PgLines } from "@/lib/kernel/pg_lines.ts";
import { lineTargetOf } from "@/lib/kernel/pg_target.ts";
import { type TestDatabase, testDatabase } from "@/lib/kernel/test_database.ts";
import type { UsageClosed } from "./usage_store.ts";
import { CLOSED_AT, closing, insertMachine, opening, readRow } from "./usage_testing.ts";
import { USAGE_STATEMENT, type UsageWriter, writeRows, writeRowsOver } from "./usage_write.ts";

type Way = { readonly write: UsageWriter; readonly end: () => Promise<void> };

const WAYS: Record<string, (sql: Sql) => Way> = {
  "through postgres.js": (sql) => ({
    write: (writes) => writeRows(sql, writes),
    end: () => Promise.resolve(),
  }),
  "over lines of our own": (sql) => lineWay(sql, nodeSockets()),
  "over lines and sockets of our own": (sql) => lineWay(sql, openSockets("auto", silentLog)),
};

function lineWay(sql: Sql, sockets: Sockets): Way {
  const target = lineTargetOf(sql);
  assert.ok(target.kind === "ours", "the database of the tests is reached by our own lines");
  const { address, login } = target;
  const lines = new PgLines({
    ...{ connect: sockets.connect, clock: systemClock, linesMax: 3 },
    ...{ address, login, statement: USAGE_STATEMENT },
  });
  return {
    write: (writes) => writeRowsOver(lines, writes),
    async end() {
      await lines.end(1_000);
      await sockets.close();
    },
  };
}

type Hand = {
  readonly db: TestDatabase;
  readonly write: UsageWriter;
  readonly openRows: (rows: Parameters<UsageWriter>[0]["opens"]) => Promise<boolean[]>;
  readonly closeRows: (rows: readonly UsageClosed[]) => Promise<boolean[]>;
};

/** A test for each way, over connections that look rows up by key, as a replica's do. */
function eachWay(name: string, body: (hand: Hand) => Promise<void>): void {
  for (const [wayName, wayOf] of Object.entries(WAYS)) {
    Deno.test(`writeRows() ${wayName} ${name}`, async () => {
      await using db = await testDatabase();
      await insertMachine(db.sql, "mac_a", "ready");
      const options = { applicationName: "test", maxConnections: 1, byKey: true };
      const sql = openDatabase(db.target, options);
      const { write, end } = wayOf(sql);
      try {
        await body({
          ...{ db, write },
          openRows: async (opens) => (await write({ opens, closes: [] })).opened,
          closeRows: async (closes) => (await write({ opens: [], closes })).closed,
        });
      } finally {
        await end();
        await sql.end({ timeout: 1 });
      }
    });
  }
}

eachWay("opens a row on a ready machine only, and answers row by row", async (hand) => {
  await insertMachine(hand.db.sql, "mac_drains", "draining");
  const rows = [
    opening("req_a"),
    opening("req_b", { machineId: "mac_drains" }),
    opening("req_c", { machineId: "mac_nobody" }),
    opening("req_d"),
  ];
  assert.deepEqual(await hand.openRows(rows), [true, false, false, true]);
  const ids = await hand.db.sql<{ id: string }[]>`select id from usage order by id`;
  assert.deepEqual(ids.map((row) => row.id), ["req_a", "req_d"]);
  const row = await readRow(hand.db.sql, "req_a");
  assert.deepEqual([row.attempts, row.machine_id, row.admit_ms, row.closed_at], [
    1,
    "mac_a",
    1,
    null,
  ]);
});

eachWay("does not open a row again", async ({ db, openRows }) => {
  await openRows([opening("req_a")]);
  const again = openRows([opening("req_b"), opening("req_a")]);
  await assert.rejects(again, (error) => codeOf(error) === "23505");
  assert.equal((await db.sql`select from usage where id = 'req_b'`).count, 0, "all of it or none");
  assert.deepEqual(await openRows([opening("req_b")]), [true], "and goes on after an error");
});

eachWay("opens some and closes others in one statement", async ({ db, write, openRows }) => {
  await openRows([opening("req_a"), opening("req_b")]);
  const both = {
    opens: [opening("req_c"), opening("req_d", { machineId: "mac_nobody" })],
    closes: [closing("req_x"), closing("req_b")],
  };
  assert.deepEqual(await write(both), { opened: [true, false], closed: [false, true] });
  const rows = await db.sql`select id, ended from usage order by id`;
  assert.deepEqual(rows.map(({ id, ended }) => [id, ended]), [
    ["req_a", null],
    ["req_b", "complete"],
    ["req_c", null],
  ]);
});

eachWay("takes turns with a machine's way into draining", async ({ db, openRows }) => {
  let opened: Promise<boolean[]> | null = null;
  await db.sql.begin(async (tx) => {
    await tx`update machines set place = 'draining' where id = 'mac_a'`;
    opened = openRows([opening("req_a")]);
    await untilWaiting(db.sql);
  });
  assert.deepEqual(await opened, [false]);
});

eachWay("closes each row once, at the time it was given, and says which", async (hand) => {
  await hand.openRows([opening("req_a"), opening("req_b")]);
  assert.deepEqual(await hand.closeRows([closing("req_a")]), [true]);
  const late: UsageClosed = { ...closing("req_a"), ended: "client_left", status: 499 };
  assert.deepEqual(await hand.closeRows([late, closing("req_b"), closing("req_x")]), [
    false,
    true,
    false,
  ]);
  const row = await readRow(hand.db.sql, "req_a");
  assert.deepEqual(
    [row.ended, row.status, row.finish_reason, row.ttft_ms, row.total_ms, row.cost_nano_usd],
    ["complete", 200, "stop", 12, 35, "123456789012"],
  );
  assert.equal(row.closed_at?.getTime(), CLOSED_AT);
});

eachWay("looks the rows up that it closes, however small their table was then", async (hand) => {
  const key = (i: number) => ({ id: `req_${i}`, openedAt: instant(CLOSED_AT - i) });
  const rows = (from: number, until: number) =>
    Array.from({ length: until - from }, (_, i) => ({ ...opening(""), ...key(from + i) }));
  await hand.openRows(rows(0, 100));
  await hand.closeRows([{ ...closing(""), ...key(0) }]); // planned now
  await hand.openRows(rows(100, 2_000));
  // Told when a session ends or is idle for a second: by others' sessions, so the level is waited for.
  const read = async () => {
    const [row] = await hand.db.sql<{ rows: number; calls: number }[]>`
      select sum(idx_tup_fetch + seq_tup_read)::integer as rows, sum(n_tup_upd)::integer as calls
      from pg_stat_user_tables where relname like 'usage%'`;
    return row ?? { rows: NaN, calls: NaN };
  };
  const untilTold = async (closed: number) => {
    for (let tries = 0; (await read()).calls < closed; tries++) {
      if (tries > 1_000) throw new Error("the statistics do not come");
      await hand.closeRows([]); // a session tells at the end of a statement
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return (await read()).rows;
  };
  const before = await untilTold(1);
  await hand.closeRows([{ ...closing(""), ...key(1_000) }]);
  const seen = await untilTold(2) - before;
  assert.ok(seen < 20, `${seen} rows were read to close one`);
});

eachWay("keeps every text, number and time as it is", async ({ db, write, openRows }) => {
  const text = fc.oneof(
    fc.constantFrom(
      "",
      "NULL",
      "{",
      "}",
      ",",
      '"',
      "\\",
      "{a,b}",
      "\n",
      "x".repeat(5_000),
      "é".repeat(70),
    ),
    fc.string({ unit: "grapheme", maxLength: 90 }).filter((each) => !each.includes("\0")),
  );
  const row = fc.record({
    ...{
      modelAsked: text,
      errorCode: fc.option(text),
      wakeId: fc.option(text),
      stream: fc.boolean(),
    },
    ms: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    tokens: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    // The column holds twenty digits: more than int8.
    cost: fc.oneof(
      fc.bigInt(0n, 10n ** 20n - 1n),
      fc.nat(4).map((n) => 10_000n ** BigInt(n)),
      fc.nat(5).map((n) => 10_000n ** BigInt(n) - 1n),
      fc.constant(0n),
    ),
    openedMs: fc.oneof(
      fc.integer({ min: Date.UTC(1980), max: Date.UTC(2100) }),
      fc.integer({ min: Date.UTC(2026), max: Date.UTC(2027) }),
    ),
  });
  let serial = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 12 }), async (given) => {
      const rows = given.map((each) => ({ ...each, id: `req_${serial++}` }));
      const key = (each: typeof rows[number]) => ({
        id: each.id,
        openedAt: instant(each.openedMs),
      });
      const opens = rows.map((each) =>
        opening(each.id, {
          ...key(each),
          ...{ modelAsked: each.modelAsked, wakeId: each.wakeId, stream: each.stream },
          ...{ admitMs: each.ms, attempts: 1 + each.ms % 1_000 },
        })
      );
      const closes = rows.map((each) => ({
        ...{ ...closing(each.id), ...key(each), closedAt: instant(each.openedMs + 1) },
        ...{ errorCode: each.errorCode, ttftMs: each.ms % 2 === 0 ? null : each.ms },
        ...{ completionTokens: each.tokens, costNanoUsd: each.cost },
      }));
      const all = rows.map(() => true);
      assert.deepEqual(await openRows(opens), all);
      assert.deepEqual((await write({ opens: [], closes })).closed, all);
      const stored = await db.sql`
        select
          id, opened_at, model_asked, wake_id, stream, admit_ms, attempts, closed_at, error_code, ttft_ms,
          completion_tokens::text, cost_nano_usd
        from usage where id = any(${rows.map(({ id }) => id)}) order by substr(id, 5)::integer`;
      assert.deepEqual(
        stored.map((each) => ({ ...each })),
        rows.map((each) => ({
          id: each.id,
          opened_at: new Date(each.openedMs),
          model_asked: each.modelAsked,
          wake_id: each.wakeId,
          stream: each.stream,
          admit_ms: each.ms,
          attempts: 1 + each.ms % 1_000,
          closed_at: new Date(each.openedMs + 1),
          error_code: each.errorCode,
          ttft_ms: each.ms % 2 === 0 ? null : each.ms,
          completion_tokens: String(each.tokens),
          cost_nano_usd: String(each.cost),
        })),
      );
    }),
    { numRuns: 60 },
  );
});

eachWay("says by SQLSTATE which value cannot be", async ({ db, openRows, closeRows }) => {
  await openRows([opening("req_a")]);
  const refused = async (code: string, promise: Promise<unknown>) =>
    await assert.rejects(promise, (error) => {
      assert.equal(codeOf(error), code);
      return true;
    });
  await refused("22021", openRows([opening("req_b", { modelAsked: "a\0b" })]));
  await refused("23514", openRows([opening("req_b", { band: "gold" as "spot" })]));
  await refused("22003", openRows([opening("req_b", { admitMs: 2 ** 31 })]));
  await refused("22P02", openRows([opening("req_b", { admitMs: NaN })]));
  await refused("22P02", closeRows([{ ...closing("req_a"), promptTokens: 1.5 }]));
  await refused("23514", closeRows([{ ...closing("req_a"), totalMs: -1 }]));
  await refused("22003", closeRows([{ ...closing("req_a"), costNanoUsd: 10n ** 20n }]));
  await refused("23514", closeRows([{ ...closing("req_a"), costNanoUsd: -1n }]));
  assert.equal((await readRow(db.sql, "req_a")).closed_at, null);
  assert.deepEqual(await closeRows([closing("req_a")]), [true]);
});

eachWay("writes half of a surrogate pair as U+FFFD", async ({ db, openRows }) => {
  await openRows([opening("req_a", { modelAsked: "a\ud800b" })]);
  const [row] = await db.sql`select model_asked from usage`;
  assert.equal(row?.model_asked, "a\ufffdb");
});

eachWay("fails with what the server was told to stop", async ({ db, openRows }) => {
  await db.sql.begin(async (tx) => {
    await tx`select from machines where id = 'mac_a' for update`;
    const failed = assert.rejects(
      openRows([opening("req_a")]),
      (error) => codeOf(error) === "57014",
    );
    await untilWaiting(db.sql);
    await db.sql`
      select pg_cancel_backend(pid) from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    await failed;
  });
  assert.deepEqual(await openRows([opening("req_a")]), [true]);
});

eachWay("is lost with its connection, and goes on over another", async ({ db, openRows }) => {
  await openRows([]);
  await db.sql.begin(async (tx) => {
    await tx`select from machines where id = 'mac_a' for update`;
    const failed = assert.rejects(openRows([opening("req_a")]), isConnectionLost);
    await untilWaiting(db.sql);
    await db.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'test'`;
    await failed;
  });
  // postgres.js hands the dying connection out until the system says that it is closed.
  for (let tries = 0, opened: boolean[] | null = null; opened === null; tries++) {
    opened = await openRows([opening("req_a")]).catch((error) => {
      if (!isConnectionLost(error) || tries > 1_000) throw error;
      return null;
    });
    assert.deepEqual(opened ?? [true], [true]);
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
