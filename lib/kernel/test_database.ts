/** For tests only: a fresh, migrated database per call, on a real PostgreSQL server. */
import { createHash, randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeOf, type DatabaseTarget, openDatabase, type Sql, withDatabase } from "./database.ts";
import { startEmbedded } from "./embedded_postgres.ts";
import { migrate, readMigrations } from "./migrations.ts";

export type TestDatabase = { sql: Sql; target: DatabaseTarget } & AsyncDisposable;

const MIGRATIONS = new URL("../../migrations/", import.meta.url);
const CONNECTIONS_MAX = 5;

/**
 * Copies the migrated template, which the first caller makes, and drops the copy when disposed. The server is the
 * one of TEST_DATABASE (a URL, or the absolute path of a socket file); without it, an embedded one in the
 * temporary directory, shared by all test processes.
 */
export async function testDatabase(): Promise<TestDatabase> {
  const server = await (shared ??= testServer());
  const template = await (migrated ??= ensureTemplate(server));
  const name = `test_${randomBytes(8).toString("hex")}`;
  await administer(server, (sql) => sql`create database ${sql(name)} template ${sql(template)}`);
  const target = withDatabase(server, name);
  const sql = openDatabase(target, { applicationName: name, maxConnections: CONNECTIONS_MAX });
  return {
    sql,
    target,
    async [Symbol.asyncDispose]() {
      await sql.end({ timeout: 0 });
      await administer(server, (sql) => sql`drop database ${sql(name)} with (force)`);
    },
  };
}

let shared: Promise<DatabaseTarget> | undefined;
let migrated: Promise<string> | undefined;

/** The server of TEST_DATABASE, as the target of its maintenance database. */
export function testTargetOf(named: string): DatabaseTarget {
  if (named.startsWith("/")) {
    return { kind: "socket", path: named, user: "postgres", database: "postgres" };
  }
  return { kind: "url", url: named };
}

async function testServer(): Promise<DatabaseTarget> {
  const named = Deno.env.get("TEST_DATABASE");
  if (named !== undefined && named !== "") return testTargetOf(named);
  const dir = join(tmpdir(), `emberlane-test-${Deno.uid() ?? 0}`);
  // A test database need not survive a power cut.
  const server = await startEmbedded(dir, { settings: TEST_SETTINGS });
  globalThis.addEventListener("unload", () => server.release());
  return withDatabase(server.target, "postgres");
}

/** Settings of a server that only tests use. */
export const TEST_SETTINGS: readonly string[] = ["fsync=off", "full_page_writes=off"];

/** The template is made under another name and renamed, so that half of one is never copied. */
async function ensureTemplate(server: DatabaseTarget): Promise<string> {
  const files = await readMigrations(MIGRATIONS);
  const sum = createHash("sha256").update(files.map((file) => file.sha256).join()).digest("hex");
  const name = `template_${sum.slice(0, 16)}`;
  await administer(server, async (sql) => {
    if ((await sql`select 1 from pg_database where datname = ${name}`).length > 0) return;
    const draft = `draft_${randomBytes(8).toString("hex")}`;
    await sql`create database ${sql(draft)}`;
    try {
      const drafted = openDatabase(withDatabase(server, draft), {
        applicationName: draft,
        maxConnections: 1,
      });
      await migrate(drafted, MIGRATIONS).finally(() => drafted.end({ timeout: 0 }));
      await sql`alter database ${sql(draft)} rename to ${sql(name)}`;
    } catch (error) {
      await sql`drop database ${sql(draft)} with (force)`;
      // Another test process was faster.
      if (codeOf(error) !== "42P04") throw error;
    }
  });
  return name;
}

async function administer(
  server: DatabaseTarget,
  act: (sql: Sql) => PromiseLike<unknown>,
): Promise<void> {
  const sql = openDatabase(server, { applicationName: "emberlane-tests", maxConnections: 1 });
  try {
    await act(sql);
  } finally {
    await sql.end({ timeout: 0 });
  }
}
