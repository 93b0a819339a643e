/** The way to the gateway's own database: DATABASE_URL, or the embedded server under DATA_DIR. */
import { isAbsolute, join, resolve } from "node:path";
import {
  codeOf,
  type DatabaseTarget,
  describeTarget,
  isConnectionLost,
  openDatabase,
  type Sql,
} from "@/lib/kernel/database.ts";
import { startEmbedded } from "@/lib/kernel/embedded_postgres.ts";
import { migrate, readMigrations } from "@/lib/kernel/migrations.ts";
import { CliError, type CliIo, EXIT } from "./output.ts";

const MIGRATIONS = new URL("../migrations/", import.meta.url);
const CONNECTIONS_MAX = 2;
const END_SECONDS_MAX = 2;
/** Wrong password, no such user, no such database (PostgreSQL manual, appendix A). */
const REFUSED_STATES: ReadonlySet<string> = new Set(["28P01", "28000", "3D000"]);

/**
 * Runs `use` with a connection and ends it after. An embedded server that is not running is started for as long
 * as the command takes. `create`: a database that does not exist yet is made. Throws CliError when there is no
 * way to it, or its tables are not those of this version.
 */
export async function withDatabase<T>(
  io: CliIo,
  { create = false }: { create?: boolean },
  use: (sql: Sql) => Promise<T>,
): Promise<T> {
  const { target, close } = await io.open(create);
  try {
    const sql = openDatabase(target, {
      applicationName: "emberlane-cli",
      maxConnections: CONNECTIONS_MAX,
    });
    try {
      await checkTables(sql, create);
      return await use(sql);
    } catch (error) {
      throw unreachableOf(error, target) ?? error;
    } finally {
      await sql.end({ timeout: END_SECONDS_MAX });
    }
  } finally {
    await close();
  }
}

/** What {@link openNamed} reads of the process. */
export type Surroundings = Pick<CliIo, "env" | "root" | "err">;

/** The database the environment names. An embedded one that is not running is started until it is closed. */
export async function openNamed(io: Surroundings, create: boolean): ReturnType<CliIo["open"]> {
  const url = io.env["DATABASE_URL"] ?? "";
  if (url === "") return await openEmbedded(io, create);
  if (!/^postgres(ql)?:\/\//.test(url) || !URL.canParse(url)) {
    throw new CliError(
      EXIT.config,
      "Cannot use DATABASE_URL: write postgres://user:password@host:port/database",
    );
  }
  return { target: { kind: "url", url }, close: () => Promise.resolve() };
}

async function openEmbedded(io: Surroundings, create: boolean): ReturnType<CliIo["open"]> {
  const named = io.env["DATA_DIR"] || "./data";
  const dataDir = isAbsolute(named) ? named : resolve(io.root, named);
  if (!create && !await exists(join(dataDir, "postgres"))) {
    throw new CliError(
      EXIT.unreachable,
      `Cannot find a database under ${dataDir}: start the gateway once (deno task start), ` +
        "or set DATABASE_URL or DATA_DIR to where it is",
    );
  }
  // Without it the server could neither be told alive nor started.
  if ((await Deno.permissions.query({ name: "run" })).state !== "granted") {
    throw new CliError(
      EXIT.unreachable,
      "Cannot use the embedded database without --allow-run: add it, or set DATABASE_URL",
    );
  }
  try {
    const server = await startEmbedded(dataDir);
    if (!server.adopted) io.err(`Started the database under ${dataDir} for this command\n`);
    return { target: server.target, close: () => server.stop() };
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    throw new CliError(EXIT.unreachable, cause.message, { cause });
  }
}

/** The tables must be those of this version. They are made in an empty database only: the rest is the gateway's to change. */
async function checkTables(sql: Sql, create: boolean): Promise<void> {
  const [found] = await sql<{ name: string | null }[]>`
    select to_regclass('schema_migrations')::text as name`;
  if (found?.name === null) {
    if (create) return void await migrate(sql, MIGRATIONS);
    throw new CliError(
      EXIT.unreachable,
      "Cannot find Emberlane's tables in this database: start the gateway once, which makes them",
    );
  }
  const applied = await sql<{ name: string }[]>`select name from schema_migrations`;
  const theirs = new Set(applied.map((row) => row.name));
  const ours = new Set((await readMigrations(MIGRATIONS)).map((file) => file.name));
  if (ours.difference(theirs).size > 0) {
    throw new CliError(
      EXIT.unreachable,
      "Cannot use this database: it is older than this program; start this version's gateway once, which changes it",
    );
  }
  if (theirs.difference(ours).size > 0) {
    throw new CliError(
      EXIT.unreachable,
      "Cannot use this database: it is newer than this program; use the version its gateway runs",
    );
  }
}

function unreachableOf(error: unknown, target: DatabaseTarget): CliError | null {
  if (!(error instanceof Error)) return null;
  const refused = REFUSED_STATES.has(codeOf(error) ?? "");
  if (!refused && !isConnectionLost(error)) return null;
  const because = error.message === "" ? codeOf(error) ?? "no answer" : error.message;
  return new CliError(
    EXIT.unreachable,
    `Cannot reach the database ${
      describeTarget(target)
    }: ${because}; start it, or mend DATABASE_URL`,
    { cause: error },
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
