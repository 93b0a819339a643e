/** Tests of migrations.ts, on a real server. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { openDatabase, type Sql } from "./database.ts";
import { migrate, MigrationError } from "./migrations.ts";
import { testDatabase } from "./test_database.ts";

/** A folder of migrations and an empty database. */
async function scene(files: Record<string, string>) {
  const db = await testDatabase();
  await db.sql`drop schema public cascade`;
  await db.sql`create schema public`;
  const path = await Deno.makeTempDir();
  const write = (name: string, text: string) => Deno.writeTextFile(`${path}/${name}`, text);
  for (const [name, text] of Object.entries(files)) await write(name, text);
  return {
    sql: db.sql,
    target: db.target,
    dir: pathToFileURL(`${path}/`),
    write,
    remove: (name: string) => Deno.remove(`${path}/${name}`),
    async [Symbol.asyncDispose]() {
      await Deno.remove(path, { recursive: true });
      await db[Symbol.asyncDispose]();
    },
  };
}

async function tablesOf(sql: Sql): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    select relname as name from pg_class
    where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname`;
  return rows.map((row) => row.name);
}

const TWO = { "0001_a.sql": "create table a (id int);", "0002_b.sql": "create table b (id int);" };

Deno.test("migrate() applies each file once, in order, and new ones later", async () => {
  await using s = await scene(TWO);
  deepEqual(await migrate(s.sql, s.dir), { applied: ["0001_a.sql", "0002_b.sql"] });
  deepEqual(await migrate(s.sql, s.dir), { applied: [] });
  await s.write("0003_c.sql", "alter table a add column more text;\ncreate table c (id int);");
  deepEqual(await migrate(s.sql, s.dir), { applied: ["0003_c.sql"] });
  deepEqual(await tablesOf(s.sql), ["a", "b", "c", "schema_migrations"]);
});

Deno.test("migrate() lets one replica work while the others wait, and none applies twice", async () => {
  await using s = await scene({ "0001_a.sql": "select pg_sleep(0.1); create table a (id int);" });
  const replicas = Array.from(
    { length: 4 },
    (_, i) => openDatabase(s.target, { applicationName: `replica${i}`, maxConnections: 1 }),
  );
  const results = await Promise.all(replicas.map((sql) => migrate(sql, s.dir)));
  equal(results.flatMap((result) => result.applied).length, 1);
  await Promise.all(replicas.map((sql) => sql.end()));
});

Deno.test("migrate() keeps nothing of a file that fails, and all of those before it", async () => {
  await using s = await scene({ ...TWO, "0002_b.sql": "create table b (id int); select 1 / 0;" });
  await rejects(migrate(s.sql, s.dir), (error: Error) => {
    equal(error.name, "MigrationError");
    equal(error.message.startsWith("Cannot apply 0002_b.sql: division by zero"), true);
    return true;
  });
  deepEqual(await tablesOf(s.sql), ["a", "schema_migrations"]);
  await s.write("0002_b.sql", TWO["0002_b.sql"]);
  deepEqual(await migrate(s.sql, s.dir), { applied: ["0002_b.sql"] });
});

Deno.test("migrate() refuses a file that was changed after it was applied, before it applies anything", async () => {
  await using s = await scene(TWO);
  await migrate(s.sql, s.dir);
  await s.write("0001_a.sql", "create table a (id bigint);");
  await s.write("0003_c.sql", "create table c (id int);");
  await rejects(migrate(s.sql, s.dir), /^MigrationError: Cannot use 0001_a.sql: it was changed/);
  deepEqual(await tablesOf(s.sql), ["a", "b", "schema_migrations"]);
});

Deno.test("migrate() does not mind how git wrote the ends of the lines", async () => {
  await using s = await scene({ "0001_a.sql": "create table a (\n  id int\n);\n" });
  await migrate(s.sql, s.dir);
  await s.write("0001_a.sql", "create table a (\r\n  id int\r\n);\r\n");
  deepEqual(await migrate(s.sql, s.dir), { applied: [] });
});

Deno.test("migrate() refuses a database that is ahead of the code", async () => {
  await using s = await scene(TWO);
  await migrate(s.sql, s.dir);
  await s.remove("0002_b.sql");
  await rejects(migrate(s.sql, s.dir), /^MigrationError: .* it has 0002_b.sql, which this version/);
});

Deno.test("migrate() refuses a file that arrives before one already applied", async () => {
  await using s = await scene({ "0001_a.sql": TWO["0001_a.sql"], "0003_c.sql": "select 1;" });
  await migrate(s.sql, s.dir);
  await s.write("0002_b.sql", TWO["0002_b.sql"]);
  await rejects(migrate(s.sql, s.dir), /Cannot apply 0002_b.sql after 0003_c.sql/);
});

Deno.test("migrate() refuses names it cannot order, and a folder without migrations", async () => {
  await using s = await scene({ "0001_a.sql": "", "0001_b.sql": "" });
  await rejects(migrate(s.sql, s.dir), /0001_a.sql and 0001_b.sql: give the later one the next/);
  await s.remove("0001_b.sql");
  await s.write("1_b.sql", "");
  await rejects(migrate(s.sql, s.dir), /1_b.sql: name it NNNN_lower_case.sql/);
  await s.remove("0001_a.sql");
  await s.remove("1_b.sql");
  await rejects(migrate(s.sql, s.dir), MigrationError);
});

Deno.test("migrate() brings an empty database to today's schema on the server under test", async () => {
  await using s = await scene({});
  const { applied } = await migrate(s.sql, new URL("../../migrations/", import.meta.url));
  equal(applied[0], "0001_accounts.sql");
});
