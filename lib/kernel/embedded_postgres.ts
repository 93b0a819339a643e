/** The embedded database: the real PostgreSQL server, shipped by npm, as a child on a private Unix socket. */
import { join } from "node:path";
import { type DatabaseTarget, isConnectionLost, openDatabase } from "./database.ts";
import {
  buildOnce,
  commandOptions,
  EmbeddedPostgresError,
  type Home,
  openHome,
  own,
  socketIn,
  unpackServer,
} from "./postgres_home.ts";
import { disownPidFile, isServerOf, logTail, type PidFile, readPidFile } from "./postmaster.ts";

export type EmbeddedOptions = {
  /** The folder of `initdb` and `postgres`; by default those of the npm package are unpacked. */
  binDir?: string;
  /** Where the database goes when root's data directory cannot be entered by the server's user. */
  shelterDir?: string;
  /** More `name=value` server settings. */
  settings?: readonly string[];
};

export type EmbeddedPostgres = {
  target: DatabaseTarget;
  /** The server's process. */
  pid: number;
  /** It was running already: it outlived its gateway, or another process shares it. */
  adopted: boolean;
  /** Shuts the server down and waits until it is gone; leaves it to those who still use it. */
  stop(): Promise<void>;
  /** As `stop`, but only asks: for the last moment of a process. */
  release(): void;
};

/** A big cluster recovers from a crash within this. */
const START_MS_MAX = 120_000;
/** A fast shutdown writes a checkpoint; after this the server is told to leave without one. */
const STOP_MS_MAX = 30_000;
const LOOK_MS = 10;
const USER = "postgres";
const DATABASE = "emberlane";

/** A gateway's server: small, on a socket only, durable at every commit. */
const SETTINGS: readonly string[] = [
  "listen_addresses=",
  "unix_socket_permissions=0700",
  "max_connections=100",
  "shared_buffers=64MB",
  "fsync=on",
  "synchronous_commit=on",
  "full_page_writes=on",
  "max_wal_size=512MB",
  "min_wal_size=80MB",
  "jit=off", // our statements run for less than it takes to compile them
  "timezone=UTC",
  "log_timezone=UTC",
  "logging_collector=on",
  "log_directory=log",
  "log_filename=postgres-%a.log", // a week, then overwritten
  "log_truncate_on_rotation=on",
  "log_rotation_age=1d",
  "log_rotation_size=0",
];

/**
 * Starts the server of `dir`, or adopts the one that is running, and makes sure of a database `emberlane`.
 * Processes that start it at once take turns. Throws EmbeddedPostgresError, whose message names path and remedy.
 */
export async function startEmbedded(
  dir: string,
  options: EmbeddedOptions = {},
): Promise<EmbeddedPostgres> {
  const home = await openHome(dir, options.shelterDir);
  using _turn = await takeTurn(home);
  // Held, shared, for as long as we use the server; the kernel lets go of it however we die.
  const use = await Deno.open(join(home.dir, "in-use"), { create: true, write: true });
  try {
    await use.lock(false);
    let server = await survivor(home);
    const adopted = server !== null;
    server ??= await launch(home, options);
    const target = { kind: "socket", path: socketIn(server.run), user: USER } as const;
    await ensureDatabase(target);
    return {
      target: { ...target, database: DATABASE },
      pid: server.pid,
      adopted,
      stop: () => stop(home, use),
      release: () => release(home, use, server.pid),
    };
  } catch (error) {
    use.close();
    throw error;
  }
}

/** One process at a time starts or stops the server of a home. */
async function takeTurn(home: Home): Promise<Disposable> {
  const file = await Deno.open(join(home.dir, "lock"), { create: true, write: true });
  for (const deadline = Date.now() + START_MS_MAX; !await file.tryLock(true); await pause()) {
    if (Date.now() < deadline) continue;
    file.close();
    throw new EmbeddedPostgresError(
      `Cannot start PostgreSQL in ${home.dir}: another process has been starting it for ${START_MS_MAX} ms. End that one`,
    );
  }
  return { [Symbol.dispose]: () => file.close() };
}

/** The living server of the home, once it is ready; null when there is none. */
async function survivor(home: Home): Promise<PidFile | null> {
  for (const deadline = Date.now() + START_MS_MAX; Date.now() < deadline; await pause()) {
    const file = await readPidFile(home.data);
    if (file === null || !await isServerOf(home.data, file.pid)) return null;
    if (file.status === "ready") return file;
  }
  throw await failure(home, `it has been neither up nor down for ${START_MS_MAX} ms`);
}

async function launch(home: Home, options: EmbeddedOptions): Promise<PidFile> {
  const bin = options.binDir ?? await unpackServer(home);
  await buildOnce(home.data, (temporary) => initialise(home, bin, temporary));
  const deadline = Date.now() + START_MS_MAX;
  while (true) {
    if (await readPidFile(home.data) !== null) await disownPidFile(home.data);
    await Deno.remove(`${socketIn(home.run)}.lock`).catch(() => {});
    const settings = [...SETTINGS, ...options.settings ?? []].flatMap((each) => ["-c", each]);
    const child = spawn(join(bin, "postgres"), {
      ...commandOptions(home),
      args: ["-D", home.data, "-k", home.run, ...settings],
      detached: true, // a Ctrl-C for the gateway is not one for its database
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    });
    const fate = await upOrOut(home, child, deadline);
    if (fate.up !== null) return fate.up;
    // Processes of a killed server may take a moment to notice that it is gone.
    const lingering = /shared memory block/.test(fate.said);
    if (!lingering || Date.now() > deadline) throw await failure(home, fate.said);
    await pause(100);
  }
}

async function upOrOut(
  home: Home,
  child: Deno.ChildProcess,
  deadline: number,
): Promise<{ up: PidFile } | { up: null; said: string }> {
  let out = false;
  const stderr = child.stderr.getReader();
  const said = textOf(stderr);
  const status = child.status.then((status) => {
    out = true;
    return status;
  });
  while (!out) {
    const file = await readPidFile(home.data);
    if (file?.status === "ready" && file.pid === child.pid) {
      // Its complaints go to its log from here on; nothing of it keeps us alive or waits for us.
      await stderr.cancel();
      child.unref();
      return { up: file };
    }
    if (Date.now() > deadline) {
      Deno.kill(child.pid, "SIGQUIT");
      return { up: null, said: `it was not up within ${START_MS_MAX} ms` };
    }
    await Promise.race([pause(), status]);
  }
  return { up: null, said: (await said).trim() || `it ended with status ${(await status).code}` };
}

async function textOf(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += decoder.decode(part.value, { stream: true });
  }
  return text;
}

async function initialise(home: Home, bin: string, data: string): Promise<void> {
  await own(data, home.owner);
  const initdb = spawn(join(bin, "initdb"), {
    ...commandOptions(home),
    args: ["-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  });
  const { success, stderr } = await initdb.output();
  if (success) return;
  throw new EmbeddedPostgresError(
    `Cannot make a database in ${home.dir}: initdb says "${
      new TextDecoder().decode(stderr).trim()
    }". ` +
      `Mend that, or set DATABASE_URL to a PostgreSQL server of your own`,
  );
}

function spawn(program: string, options: Deno.CommandOptions): Deno.ChildProcess {
  try {
    return new Deno.Command(program, options).spawn();
  } catch (cause) {
    const because = cause instanceof Error ? cause.message : String(cause);
    throw new EmbeddedPostgresError(
      `Cannot run ${program} (${because}): it needs a system with glibc and a folder that allows programs. ` +
        `Set DATABASE_URL to a PostgreSQL server of your own`,
      { cause },
    );
  }
}

async function ensureDatabase(target: { kind: "socket"; path: string; user: string }) {
  const sql = openDatabase({ ...target, database: "postgres" }, {
    applicationName: "emberlane-start",
    maxConnections: 1,
  });
  try {
    const found = await sql`select 1 from pg_database where datname = ${DATABASE}`;
    if (found.length === 0) await sql`create database ${sql(DATABASE)}`;
  } catch (cause) {
    if (!isConnectionLost(cause)) throw cause;
    throw new EmbeddedPostgresError(
      `Cannot reach PostgreSQL at ${target.path}, which says it is ready: end it and start again`,
      { cause },
    );
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Ends the server unless another process uses it. The caller's own use is given up first. */
async function stop(home: Home, use: Deno.FsFile): Promise<void> {
  using _turn = await takeTurn(home);
  if (!await use.tryLock(true)) return use.close(); // others hold it shared
  try {
    const file = await readPidFile(home.data);
    if (file === null || !await isServerOf(home.data, file.pid)) return;
    Deno.kill(file.pid, "SIGINT");
    const deadline = Date.now() + STOP_MS_MAX;
    for (let told = false; await isServerOf(home.data, file.pid); await pause()) {
      if (told || Date.now() < deadline) continue;
      told = true;
      Deno.kill(file.pid, "SIGQUIT"); // it recovers from its log at the next start
    }
  } finally {
    use.close();
  }
}

function release(home: Home, use: Deno.FsFile, pid: number): void {
  using turn = Deno.openSync(join(home.dir, "lock"), { create: true, write: true });
  // Somebody is starting or stopping it: theirs to care for.
  if (turn.tryLockSync(true) && use.tryLockSync(true)) Deno.kill(pid, "SIGINT");
  use.close();
}

async function failure(home: Home, said: string): Promise<EmbeddedPostgresError> {
  const { path, text } = await logTail(home.data);
  return new EmbeddedPostgresError(
    `Cannot start PostgreSQL in ${home.data}: ${said}${
      text === "" ? "" : `\n${text}\n`
    } (log: ${path}). ` +
      `Mend that, or set DATABASE_URL to a PostgreSQL server of your own`,
  );
}

const pause = (ms = LOOK_MS) => new Promise((resolve) => setTimeout(resolve, ms));
