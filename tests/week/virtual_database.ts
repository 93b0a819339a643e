/** A database whose `now()` is moved by hand, so that replicas over it live in simulated time. */
import { type DatabaseTarget, openDatabase, type Sql } from "@/lib/kernel/database.ts";
import { migrate } from "@/lib/kernel/migrations.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";

const MIGRATIONS = new URL("../../migrations/", import.meta.url);

export type VirtualDatabase = AsyncDisposable & {
  readonly sql: Sql;
  readonly target: DatabaseTarget;
  /** Moves `now()` of every connection. */
  setNow(ms: number): Promise<void>;
};

/** A migrated database in which `now()` is `startMs` until told otherwise. */
export async function virtualDatabase(startMs: number): Promise<VirtualDatabase> {
  const database = await testDatabase();
  // Found before pg_catalog's, which has to be named to stand behind it.
  await database.sql.unsafe(`
    drop schema public cascade;
    create schema public;
    create schema virtual;
    create table virtual.clock (at timestamptz not null);
    insert into virtual.clock values (to_timestamp(${startMs} / 1000.0));
    create function virtual.now() returns timestamptz language sql stable as 'select at from virtual.clock';
    do $$ begin
      execute format('alter database %I set search_path = public, virtual, pg_catalog', current_database());
    end $$;
  `);
  const { target } = database;
  // Connections of before have the old path.
  const sql = openDatabase(target, { applicationName: "simulated week", maxConnections: 4 });
  await migrate(sql, MIGRATIONS);
  return {
    sql,
    target,
    async setNow(ms) {
      await sql`update virtual.clock set at = to_timestamp(${ms} / 1000.0)`;
    },
    async [Symbol.asyncDispose]() {
      await sql.end({ timeout: 1 });
      await database[Symbol.asyncDispose]();
    },
  };
}
