/** Lines to a real server: each way in, and what happens when it is full, gone or slow. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { bridge } from "./bridge_testing.ts";
import { manualClock, millis, systemClock } from "./clock.ts";
import { codeOf, type DatabaseTarget, isConnectionLost, openDatabase } from "./database.ts";
import { startEmbedded } from "./embedded_postgres.ts";
import { nodeSockets } from "./sockets/node_sockets.ts";
import type { Sockets, WireTarget } from "./sockets/wire.ts";
import type { PgStatement } from "./pg_line.ts";
import { PgLines, type PgLinesDeps } from "./pg_lines.ts";
import { lineTargetOf } from "./pg_target.ts";
import { TEST_SETTINGS, testDatabase } from "./test_database.ts";

const sockets = nodeSockets();

const double: PgStatement = {
  text: "select pg_sleep($2 / 1000.0)::text, array[($1 * 2)::text]",
  parameters: [23, 23],
};

function linesTo(target: DatabaseTarget, over: Partial<PgLinesDeps> = {}): PgLines {
  const sql = openDatabase(target, { applicationName: "lines", maxConnections: 1 });
  const way = lineTargetOf(sql);
  assert.ok(way.kind === "ours", way.kind === "theirs" ? way.because : "");
  const { address, login } = way;
  return new PgLines({
    ...{ connect: sockets.connect, clock: systemClock, linesMax: 2, statement: double },
    ...{ address, login, ...over },
  });
}

async function doubled(lines: PgLines, value: number, sleepMs = 0): Promise<string> {
  const row = await lines.run((out) => {
    out.integer(value);
    out.integer(sleepMs);
  });
  return new TextDecoder().decode(row[1] ?? new Uint8Array()).replace(/[^\d]/g, "");
}

Deno.test("PgLines come in by trust, password, MD5 and SCRAM, over a socket and over TCP", async () => {
  const dir = await Deno.makeTempDir();
  await Deno.chmod(dir, 0o755); // the server is another user when we are root
  const hba = join(dir, "hba.conf");
  const users = {
    by_scram: "scram-sha-256",
    by_md5: "md5",
    by_password: "password",
    free: "trust",
  };
  const lines = ["local all postgres trust"];
  for (const [user, way] of Object.entries(users)) lines.push(`local all ${user} ${way}`);
  await Deno.writeTextFile(hba, lines.join("\n") + "\n");
  const server = await startEmbedded(join(dir, "data"), {
    settings: [...TEST_SETTINGS, `hba_file=${hba}`],
  });
  try {
    assert.ok(server.target.kind === "socket");
    const { path } = server.target;
    const admin = openDatabase(server.target, { applicationName: "test", maxConnections: 1 });
    for (const [user, way] of Object.entries(users)) {
      await admin.unsafe(`set password_encryption = '${way === "md5" ? way : "scram-sha-256"}'`);
      await admin.unsafe(`create user ${user} password 'geheim\u00e9'`);
    }
    await admin.end({ timeout: 1 });
    await using tcp = bridge({ path });
    const addresses: WireTarget[] = [
      { path },
      { hostname: "127.0.0.1", port: tcp.port },
    ];
    for (const address of addresses) {
      for (const user of Object.keys(users)) {
        const login = { user, database: "emberlane", settings: {} };
        const right = linesTo(server.target, {
          ...{ address, login: { ...login, password: "geheim\u00e9" } },
        });
        assert.equal(await doubled(right, 21), "42", user);
        await right.end(1_000);
        if (user === "free") continue;
        const wrong = linesTo(server.target, { address, login: { ...login, password: "x" } });
        await assert.rejects(doubled(wrong, 1), (error) => codeOf(error) === "28P01", user);
        await wrong.end(1_000);
      }
    }
  } finally {
    await server.stop();
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("PgLines runs as many at a time as it has lines, and the others after", async () => {
  await using db = await testDatabase();
  const lines = linesTo(db.target);
  const all = Array.from({ length: 9 }, (_, i) => doubled(lines, i, 20));
  assert.deepEqual(await Promise.all(all), [0, 2, 4, 6, 8, 10, 12, 14, 16].map(String));
  const [row] = await db.sql<{ lines: number }[]>`
    select count(*)::integer as lines from pg_stat_activity
    where datname = current_database() and application_name = 'lines'`;
  assert.equal(row?.lines, 2);
  await lines.end(1_000);
});

Deno.test("PgLines prepares again where the statement was forgotten", async () => {
  await using db = await testDatabase();
  await db.sql`create table soon (a integer)`;
  const statement = { text: "select *, $1 + $2 from soon", parameters: [23, 23] };
  const lines = linesTo(db.target, { statement, linesMax: 1 });
  await db.sql`insert into soon values (1)`;
  assert.equal((await lines.run((out) => [1, 2].forEach((n) => out.integer(n)))).length, 2);
  await db.sql`alter table soon add column b integer`;
  assert.equal((await lines.run((out) => [1, 2].forEach((n) => out.integer(n)))).length, 3);
  await lines.end(1_000);
});

Deno.test("PgLines waits longer after each connection that failed, says why, and comes back", async () => {
  await using db = await testDatabase();
  const clock = manualClock();
  let tries = 0;
  let isDown = true;
  const connect: Sockets["connect"] = (address, signal) => {
    tries++;
    if (!isDown) return sockets.connect(address, signal);
    return Promise.reject(Object.assign(new Error("down"), { code: "ECONNREFUSED" }));
  };
  const lines = linesTo(db.target, { connect, clock, linesMax: 1 });
  await assert.rejects(doubled(lines, 1), isConnectionLost);
  for (const waitMs of [50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]) {
    const before = tries;
    const run = assert.rejects(doubled(lines, 1), isConnectionLost);
    await turn();
    clock.advance(millis(waitMs - 1));
    await turn();
    assert.equal(tries, before, `not before ${waitMs} ms`);
    clock.advance(millis(1));
    await run;
    assert.equal(tries, before + 1);
  }
  isDown = false;
  const back = doubled(lines, 4);
  await turn();
  clock.advance(millis(5_000));
  assert.equal(await back, "8");
  await lines.end(1_000);
});

Deno.test("PgLines gives up a connection that does not come", async () => {
  await using db = await testDatabase();
  const clock = manualClock();
  const connect: Sockets["connect"] = (_, signal) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const lines = linesTo(db.target, { connect, clock, linesMax: 1 });
  const first = assert.rejects(doubled(lines, 1), (error) => codeOf(error) === "CONNECT_TIMEOUT");
  await turn();
  clock.advance(millis(10_000));
  await first;
});

Deno.test("PgLines takes an old line out of use", async () => {
  await using db = await testDatabase();
  const clock = manualClock();
  let opened = 0;
  const connect: Sockets["connect"] = (address, signal) => {
    opened++;
    return sockets.connect(address, signal);
  };
  const lines = linesTo(db.target, { connect, clock, linesMax: 1 });
  await doubled(lines, 1);
  clock.advance(millis(45 * 60_000));
  await doubled(lines, 1);
  assert.equal(opened, 1);
  clock.advance(millis(1));
  await doubled(lines, 1);
  assert.equal(opened, 2);
  await lines.end(1_000);
});

Deno.test("PgLines.end() lets what runs finish, and fails the rest", async () => {
  await using db = await testDatabase();
  const lines = linesTo(db.target, { linesMax: 1 });
  await doubled(lines, 1);
  const running = doubled(lines, 3, 50);
  const waiting = assert.rejects(
    doubled(lines, 4),
    (error) => codeOf(error) === "CONNECTION_ENDED",
  );
  await lines.end(10_000);
  assert.equal(await running, "6");
  await waiting;
  await assert.rejects(doubled(lines, 5), (error) => codeOf(error) === "CONNECTION_ENDED");
});

Deno.test("PgLines.end() cuts what takes too long", async () => {
  await using db = await testDatabase();
  const lines = linesTo(db.target, { linesMax: 1 });
  await doubled(lines, 1);
  const running = assert.rejects(doubled(lines, 3, 60_000), isConnectionLost);
  await lines.end(1);
  await running;
});

const turn = () => new Promise((resolve) => setTimeout(resolve));
