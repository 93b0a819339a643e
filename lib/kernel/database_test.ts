/** Tests of database.ts, on a real server. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import {
  databaseTargetOf,
  describeTarget,
  isConnectionLost,
  openDatabase,
  readiness,
  withDatabase,
} from "./database.ts";
import { testDatabase } from "./test_database.ts";

Deno.test("openDatabase() reads each type as what it is in code", async () => {
  await using db = await testDatabase();
  const [row] = await db.sql`
    select 9007199254740991::int8 as big, 1.10::numeric as price, 7 as small, null as nothing,
      '2026-01-02T03:04:05Z'::timestamptz as at, array['a', 'b'] as texts, array[1::int8] as bigs,
      '{"a": [1]}'::jsonb as json`;
  deepEqual({ ...row }, {
    big: 9_007_199_254_740_991,
    price: "1.10",
    small: 7,
    nothing: null,
    at: new Date("2026-01-02T03:04:05Z"),
    texts: ["a", "b"],
    bigs: [1],
    json: { a: [1] },
  });
});

Deno.test("openDatabase() sends numbers, bigints, arrays and dates as they were", async () => {
  await using db = await testDatabase();
  const at = new Date("2026-01-02T03:04:05.678Z");
  const [row] = await db.sql`
    select ${9_007_199_254_740_991}::int8 as big, ${["a", 'b"c']}::text[] as texts,
      ${at}::timestamptz as at, ${12_345_678_901_234_567_890n.toString()}::numeric as price`;
  deepEqual({ ...row }, {
    big: 9_007_199_254_740_991,
    texts: ["a", 'b"c'],
    at,
    price: "12345678901234567890",
  });
});

Deno.test("openDatabase() refuses an int8 a number cannot hold, and goes on working", async () => {
  await using db = await testDatabase();
  await rejects(
    async () => await db.sql`select 9007199254740993::int8 as big`,
    /Cannot hold int8 9007199254740993/,
  );
  const [row] = await db.sql`select 1 as one`;
  equal(row?.["one"], 1);
});

Deno.test("openDatabase() sets its name, its time zone and its limits on every connection", async () => {
  await using db = await testDatabase();
  const sql = openDatabase(db.target, { applicationName: "named", maxConnections: 1 });
  const [row] = await sql`
    select current_setting('application_name') as name, current_setting('TimeZone') as zone,
      current_setting('statement_timeout') as statement,
      current_setting('idle_in_transaction_session_timeout') as idle`;
  deepEqual({ ...row }, { name: "named", zone: "UTC", statement: "30s", idle: "15s" });
  await sql.end();
});

Deno.test("openDatabase() has statements by key planned once, as look-ups", async () => {
  await using db = await testDatabase();
  const sql = openDatabase(db.target, { applicationName: "t", maxConnections: 1, byKey: true });
  try {
    const [row] = await sql`
      select current_setting('plan_cache_mode') as plans, current_setting('enable_seqscan') as scans,
        current_setting('TimeZone') as zone`;
    deepEqual({ ...row }, { plans: "force_generic_plan", scans: "off", zone: "UTC" });
  } finally {
    await sql.end({ timeout: 1 });
  }
});

Deno.test("isConnectionLost() tells a server that went away from a statement that is wrong", async () => {
  await using db = await testDatabase();
  const failed = await failureOf(() =>
    db.sql`insert into accounts (id, name) values ('wrong', 'x')`
  );
  equal(isConnectionLost(failed), false);
  const sql = openDatabase(db.target, { applicationName: "victim", maxConnections: 1 });
  await sql`select 1`;
  const cut = failureOf(() => sql`select pg_sleep(60)`);
  await until(async () => {
    const killed = await db.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'victim' and state = 'active'`;
    return killed.length === 1;
  });
  equal(isConnectionLost(await cut), true);
  // The pool connects again by itself, though what is sent at once may meet the dying line.
  await until(() => sql`select 1`.then(() => true, () => false));
  await sql.end();
  equal(isConnectionLost(await failureOf(() => sql`select 1`)), true);
});

Deno.test("isConnectionLost() goes by the code: of a server that leaves, starts or is full, not of a slow statement", () => {
  for (const code of ["57P01", "57P02", "57P03", "53300", "08006", "CONNECT_TIMEOUT"]) {
    equal(isConnectionLost(Object.assign(new Error(), { code })), true, code);
  }
  for (const code of ["57014", "23505", "40001", "53100", "P0001", ""]) {
    equal(isConnectionLost(Object.assign(new Error(), { code })), false, code);
  }
});

Deno.test("isConnectionLost() is true of a port and of a socket nobody listens on", async () => {
  const targets = [
    { kind: "url", url: "postgres://u@127.0.0.1:1/d" },
    { kind: "socket", path: "/nonexistent/.s.PGSQL.5432", user: "u", database: "d" },
  ] as const;
  for (const target of targets) {
    const sql = openDatabase(target, { applicationName: "none" });
    const error = await failureOf(() => sql`select 1`);
    equal(isConnectionLost(error), true, String(error));
    await sql.end({ timeout: 0 });
  }
  equal(isConnectionLost("ECONNREFUSED"), false);
});

Deno.test("readiness() says yes to a server that answers, and why not to one that does not", async () => {
  await using db = await testDatabase();
  deepEqual(await readiness(db.sql), { ready: true });
  const sql = openDatabase({ kind: "url", url: "postgres://u@127.0.0.1:1/d" }, {
    applicationName: "none",
  });
  const answer = await readiness(sql);
  ok(!answer.ready);
  match(answer.because, /REFUSED/i);
  await sql.end({ timeout: 0 });
});

Deno.test("readiness() does not wait for a database that is silent", async () => {
  // Accepts, and never says a word.
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `postgres://u@127.0.0.1:${silent.addr.port}/d`;
  const accepted = silent.accept();
  const sql = openDatabase({ kind: "url", url }, { applicationName: "none" });
  const answer = await readiness(sql, 50);
  deepEqual(answer, { ready: false, because: "The database did not answer within 50 ms" });
  (await accepted).close();
  await sql.end({ timeout: 0 });
});

Deno.test("describeTarget() never shows the password", () => {
  const target = { kind: "url", url: "postgres://me:hunter2@db.test:5432/app" } as const;
  equal(describeTarget(target), "app on db.test:5432");
  equal(describeTarget(withDatabase(target, "other")), "other on db.test:5432");
});

Deno.test("databaseTargetOf() is the URL's server, or null for the embedded one", () => {
  deepEqual(databaseTargetOf({ databaseUrl: "postgres://h/d" }), {
    kind: "url",
    url: "postgres://h/d",
  });
  equal(databaseTargetOf({ databaseUrl: null }), null);
});

async function failureOf(act: () => PromiseLike<unknown>): Promise<unknown> {
  try {
    await act();
  } catch (error) {
    return error;
  }
  throw new Error("It did not fail");
}

async function until(reached: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !await reached(); tries++) {
    if (tries > 500) throw new Error("Waited too long");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
