/** Tests of test_database.ts. */
import { deepEqual, equal, notDeepEqual } from "node:assert/strict";
import { openDatabase } from "./database.ts";
import { testDatabase, testTargetOf } from "./test_database.ts";

Deno.test("testDatabase() hands out databases that do not see each other, migrated and empty", async () => {
  await using one = await testDatabase();
  await using two = await testDatabase();
  notDeepEqual(one.target, two.target);
  await one.sql`insert into accounts (id, name) values ('acc_1', 'x')`;
  const [count] = await two.sql<{ n: number }[]>`select count(*) as n from accounts`;
  equal(count?.n, 0);
});

Deno.test("testDatabase() drops its database, even while somebody is connected to it", async () => {
  await using watcher = await testDatabase();
  const db = await testDatabase();
  const [row] = await db.sql<{ name: string }[]>`select current_database() as name`;
  const lingering = openDatabase(db.target, { applicationName: "lingering", maxConnections: 1 });
  await lingering`select 1`;
  await db[Symbol.asyncDispose]();
  const left = await watcher.sql`select 1 from pg_database where datname = ${row?.name ?? ""}`;
  equal(left.length, 0);
  await lingering.end({ timeout: 0 });
});

Deno.test("testTargetOf() tells a socket from a URL", () => {
  deepEqual(testTargetOf("/run/.s.PGSQL.5432"), {
    kind: "socket",
    path: "/run/.s.PGSQL.5432",
    user: "postgres",
    database: "postgres",
  });
  deepEqual(testTargetOf("postgres://u@h/d"), { kind: "url", url: "postgres://u@h/d" });
});
