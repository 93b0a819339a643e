/** Schema changes: numbered files, each applied once, in order, in its own transaction, by one replica at a time. */
import { createHash } from "node:crypto";
import type { Sql } from "./database.ts";

/** A database and a code that do not fit. The message names the file and the remedy. */
export class MigrationError extends Error {
  override readonly name = "MigrationError";
}

type MigrationFile = { name: string; sql: string; sha256: string };
type Transaction = Parameters<Parameters<Sql["begin"]>[1]>[0];

const FILE_NAME = /^\d{4}_[a-z0-9_]+\.sql$/;
const SERVER_VERSION_MIN = 15;
/** A big table may take this long to change; the same for waiting on the replica that changes it. */
const FILE_MS_MAX = 3_600_000;
/** The advisory lock all replicas of a database take; any number will do. */
const LOCK_KEY = 7_305_127_404;

/**
 * Applies the `NNNN_name.sql` files of `dir` (a URL that ends in a slash) that the database does not have yet.
 * Throws MigrationError for a changed or missing file, a database ahead of the code, or a file that fails.
 */
export async function migrate(sql: Sql, dir: URL): Promise<{ applied: string[] }> {
  const files = await readMigrations(dir);
  const applied: string[] = [];
  for (const file of files) {
    if (await applyOnce(sql, files, file)) applied.push(file.name);
  }
  return { applied };
}

/** The migration files of a folder in order, with the SHA-256 of each. */
export async function readMigrations(dir: URL): Promise<MigrationFile[]> {
  const files: MigrationFile[] = [];
  for await (const entry of Deno.readDir(dir)) {
    if (!entry.name.endsWith(".sql")) continue;
    if (!FILE_NAME.test(entry.name)) {
      throw new MigrationError(
        `Cannot order the migration ${entry.name}: name it NNNN_lower_case.sql`,
      );
    }
    const text = await Deno.readTextFile(new URL(entry.name, dir));
    const body = text.replaceAll("\r\n", "\n"); // git may have written it either way
    const sha256 = createHash("sha256").update(body).digest("hex");
    files.push({ name: entry.name, sql: body, sha256 });
  }
  files.sort((a, b) => a.name < b.name ? -1 : 1);
  files.forEach((file, i) => {
    const before = files[i - 1];
    if (before !== undefined && numberOf(before.name) === numberOf(file.name)) {
      throw new MigrationError(
        `Cannot order the migrations ${before.name} and ${file.name}: give the later one the next number`,
      );
    }
  });
  if (files.length === 0) throw new MigrationError(`Cannot find any migration in ${dir.pathname}`);
  return files;
}

/** The lock is the transaction's own, so it is given up however the transaction ends. */
async function applyOnce(
  sql: Sql,
  files: readonly MigrationFile[],
  file: MigrationFile,
): Promise<boolean> {
  return await sql.begin(async (tx) => {
    await tx`select set_config('statement_timeout', ${String(FILE_MS_MAX)}, true)`;
    await tx`select pg_advisory_xact_lock(${LOCK_KEY})`;
    const done = await appliedIn(tx);
    refuseMismatch(files, done);
    if (done.has(file.name)) return false;
    const last = [...done.keys()].sort().at(-1);
    if (last !== undefined && last > file.name) {
      throw new MigrationError(
        `Cannot apply ${file.name} after ${last}, which is applied already: give it the next number`,
      );
    }
    try {
      await tx.unsafe(file.sql);
    } catch (cause) {
      const because = cause instanceof Error ? cause.message : String(cause);
      throw new MigrationError(
        `Cannot apply ${file.name}: ${because}. Nothing of it was kept; mend the file or the data and start again`,
        { cause },
      );
    }
    await tx`insert into schema_migrations (name, sha256) values (${file.name}, ${file.sha256})`;
    return true;
  });
}

async function appliedIn(tx: Transaction): Promise<Map<string, string>> {
  const [server] = await tx<{ version: number }[]>`
    select current_setting('server_version_num')::int / 10000 as version`;
  if (server !== undefined && server.version < SERVER_VERSION_MIN) {
    throw new MigrationError(
      `Cannot use PostgreSQL ${server.version}: point DATABASE_URL at version ${SERVER_VERSION_MIN} or newer`,
    );
  }
  await tx`
    create table if not exists schema_migrations (
      name text primary key,
      sha256 text not null,
      applied_at timestamptz not null default now()
    )`;
  const rows = await tx<{ name: string; sha256: string }[]>`
    select name, sha256 from schema_migrations`;
  return new Map(rows.map((row) => [row.name, row.sha256]));
}

function refuseMismatch(
  files: readonly MigrationFile[],
  done: ReadonlyMap<string, string>,
): void {
  const known = new Map(files.map((file) => [file.name, file.sha256]));
  for (const [name, sha256] of done) {
    const ours = known.get(name);
    if (ours === undefined) {
      throw new MigrationError(
        `Cannot use this database: it has ${name}, which this version does not know. Run the version that made it, or a newer one`,
      );
    }
    if (ours !== sha256) {
      throw new MigrationError(
        `Cannot use ${name}: it was changed after it was applied. Restore the file, and write the change as a new one`,
      );
    }
  }
}

const numberOf = (name: string): string => name.slice(0, 4);
