/** Tests of embedded_postgres.ts and of what it stands on, with real servers. */
import { deepEqual, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { type DatabaseTarget, openDatabase, type Sql } from "./database.ts";
import { type EmbeddedPostgres, startEmbedded } from "./embedded_postgres.ts";
import { isServerOf, readPidFile } from "./postmaster.ts";

const IS_ROOT = Deno.uid() === 0;

/** A directory that the server's user can reach, removed afterwards. */
async function scratch(mode = 0o755) {
  const path = await Deno.makeTempDir({ prefix: "ember-" });
  await Deno.chmod(path, mode);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

async function ask<T>(target: DatabaseTarget, act: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = openDatabase(target, { applicationName: "test", maxConnections: 1 });
  try {
    return await act(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

const dataOf = (dir: string) => join(dir, "postgres", "pgdata");
const pathOf = (server: EmbeddedPostgres) =>
  server.target.kind === "socket" ? server.target.path : "";

/** Kills the server as a crash would, then gives up its use. */
async function crash(dir: string, { pid, stop }: EmbeddedPostgres): Promise<void> {
  Deno.kill(pid, "SIGKILL");
  while (await isServerOf(dataOf(dir), pid)) await new Promise((done) => setTimeout(done, 5));
  await stop();
}

Deno.test("startEmbedded() starts one server for all who ask at once, and the last to leave ends it", async () => {
  await using dir = await scratch();
  const servers = await Promise.all([1, 2, 3].map(() => startEmbedded(dir.path)));
  const [first, ...others] = servers;
  ok(first);
  deepEqual(servers.map((each) => each.adopted).sort(), [false, true, true]);
  deepEqual(new Set(servers.map((each) => each.pid)).size, 1);
  equal((await Deno.stat(join(pathOf(first), ".."))).mode! & 0o777, 0o700);
  const row = await ask(first.target, async (sql) =>
    (await sql`
    select current_database() as name, current_setting('fsync') as fsync,
      current_setting('synchronous_commit') as commit, current_setting('listen_addresses') as ports`)[
      0
    ]);
  deepEqual({ ...row }, { name: "emberlane", fsync: "on", commit: "on", ports: "" });

  for (const other of others) await other.stop();
  equal(await isServerOf(dataOf(dir.path), first.pid), true);
  await first.stop();
  equal(await isServerOf(dataOf(dir.path), first.pid), false);
  equal(await readPidFile(dataOf(dir.path)), null);
});

Deno.test("startEmbedded() recovers what was committed when the server was killed", async () => {
  await using dir = await scratch();
  const before = await startEmbedded(dir.path);
  await ask(before.target, (sql) => sql`create table kept as select 42 as answer`);
  await crash(dir.path, before);

  const after = await startEmbedded(dir.path);
  equal(after.adopted, false);
  notEqual(after.pid, before.pid);
  const [row] = await ask(after.target, (sql) => sql`select answer from kept`);
  equal(row?.["answer"], 42);

  // The same once more, and now the dead server's number belongs to a stranger of the same user.
  const info = await Deno.stat(dataOf(dir.path));
  await crash(dir.path, after);
  const owner = IS_ROOT ? { uid: info.uid ?? 0, gid: info.gid ?? 0 } : {};
  const stranger = new Deno.Command("sleep", { args: ["60"], ...owner, cwd: "/" }).spawn();
  const pidFile = join(dataOf(dir.path), "postmaster.pid");
  const text = await Deno.readTextFile(pidFile);
  await Deno.writeTextFile(pidFile, text.replace(/^\d+/, String(stranger.pid)));
  const again = await startEmbedded(dir.path);
  equal(again.adopted, false);
  const [same] = await ask(again.target, (sql) => sql`select answer from kept`);
  equal(same?.["answer"], 42);
  await again.stop();
  stranger.kill("SIGKILL"); // it was left alone
  equal((await stranger.status).signal, "SIGKILL");

  // What cannot be started is said with its place and a way out; half a cluster is never taken for one.
  await Deno.writeTextFile(join(dataOf(dir.path), "PG_VERSION"), "12\n");
  await rejects(startEmbedded(dir.path), (error: Error) => {
    match(error.message, /^Cannot start PostgreSQL in .*pgdata: .*incompatible/s);
    match(error.message, /set DATABASE_URL/);
    return true;
  });
});

Deno.test("startEmbedded() puts a socket with too long a path under the temporary directory", async () => {
  await using dir = await scratch();
  const long = join(dir.path, "d".repeat(60), "e".repeat(60));
  await Deno.mkdir(join(long, "postgres", "pgdata.tmp"), { recursive: true });
  await Deno.writeTextFile(join(long, "postgres", "pgdata.tmp", "half"), "made");
  const server = await startEmbedded(long);
  ok(pathOf(server).length < 104, pathOf(server));
  ok(!pathOf(server).startsWith(dir.path));
  const again = await startEmbedded(long);
  deepEqual(again.target, server.target);
  const [row] = await ask(server.target, (sql) => sql`select 1 as one`);
  equal(row?.["one"], 1);
  await again.stop();
  await server.stop();
  await Deno.remove(join(pathOf(server), ".."), { recursive: true });
});

Deno.test({
  name:
    "startEmbedded() shelters a database of root that its user could not reach, and finds it again",
  ignore: !IS_ROOT,
  async fn() {
    await using closed = await scratch(0o700);
    await using shelter = await scratch();
    const dir = join(closed.path, "data");
    const server = await startEmbedded(dir, { shelterDir: shelter.path });
    await ask(server.target, (sql) => sql`create table kept as select 42 as answer`);
    ok((await Deno.lstat(join(dir, "postgres"))).isSymlink);
    ok((await Deno.realPath(dataOf(dir))).startsWith(shelter.path));
    equal((await Deno.stat(closed.path)).mode! & 0o777, 0o700);
    await server.stop();

    const again = await startEmbedded(dir, { shelterDir: shelter.path });
    const [row] = await ask(again.target, (sql) => sql`select answer from kept`);
    equal(row?.["answer"], 42);
    await again.stop();
    await Deno.remove(await Deno.realPath(join(dir, "postgres")), { recursive: true });
    await rejects(
      startEmbedded(dir, { shelterDir: shelter.path }),
      /Cannot find the database that/,
    );
  },
});

Deno.test("startEmbedded() names the program it cannot run", async () => {
  await using dir = await scratch();
  await rejects(
    startEmbedded(dir.path, { binDir: join(dir.path, "nothing") }),
    /^EmbeddedPostgresError: Cannot run .*nothing\/initdb .*Set DATABASE_URL/,
  );
});
