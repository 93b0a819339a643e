/** Which way opens and closes go, and that it is said when it is not ours. */
import { nodeSockets } from "@/lib/kernel/sockets/node_sockets.ts";
import assert from "node:assert/strict";
import { bridge } from "@/lib/kernel/bridge_testing.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { lineTargetOf } from "@/lib/kernel/pg_target.ts";
import { type TestDatabase, testDatabase } from "@/lib/kernel/test_database.ts";
import { openUsageDatabase } from "./usage_database.ts";
import { closing, insertMachine, opening, readRow } from "./usage_testing.ts";

const sockets = nodeSockets();

/** A log whose words are kept. */
function kept() {
  const said: [event: string, because: unknown][] = [];
  const info = (event: string, fields?: Record<string, unknown>) =>
    void said.push([event, fields?.because]);
  return { said, log: { ...silentLog, info } };
}

/** The same database behind a port on loopback, and its URL there; `refused` and `word` as `bridge` has them. */
function elsewhere(db: TestDatabase, refused: readonly number[] = [], word = new Uint8Array()) {
  const way = lineTargetOf(db.sql);
  assert.ok(way.kind === "ours", way.kind === "theirs" ? way.because : "");
  const { address, login } = way;
  const tcp = bridge(address, refused, word);
  const url = new URL(`postgres://127.0.0.1:${tcp.port}/${login.database}`);
  url.username = encodeURIComponent(login.user);
  url.password = encodeURIComponent(login.password);
  return { url, [Symbol.asyncDispose]: () => tcp[Symbol.asyncDispose]() };
}

async function opensAndCloses(write: ReturnType<typeof openUsageDatabase>["write"]): Promise<void> {
  assert.deepEqual((await write({ opens: [opening("req_a")], closes: [] })).opened, [true]);
  assert.deepEqual((await write({ opens: [], closes: [closing("req_a")] })).closed, [true]);
}

Deno.test("openUsageDatabase() carries opens and closes over lines of our own, with the same settings", async () => {
  await using db = await testDatabase();
  await insertMachine(db.sql, "mac_a", "ready");
  const { said, log } = kept();
  const rows = openUsageDatabase(db.target, { applicationName: "rows", log, sockets });
  await opensAndCloses(rows.write);
  const sessions = await db.sql<{ query: string }[]>`
    select query from pg_stat_activity where application_name = 'rows'`;
  assert.equal(sessions.length, 1, "postgres.js was not asked");
  const statement = { opens: [opening("req_b")], closes: [] };
  await db.sql.unsafe(`create function guard() returns trigger language plpgsql as $$
    begin
      if current_setting('plan_cache_mode') <> 'force_generic_plan' or current_setting('enable_seqscan') <> 'off'
        or current_setting('statement_timeout') <> '30s' or current_setting('TimeZone') <> 'UTC' then
        raise exception 'not as it should be';
      end if;
      return new;
    end $$`);
  await db.sql.unsafe(
    "create trigger guard before insert on usage for each row execute function guard()",
  );
  assert.deepEqual((await rows.write(statement)).opened, [true]);
  assert.deepEqual(said, []);
  await rows.end();
});

Deno.test("openUsageDatabase() leaves a database behind TLS to postgres.js, and says so once", async () => {
  await using db = await testDatabase();
  await insertMachine(db.sql, "mac_a", "ready");
  await using there = elsewhere(db);
  const { said, log } = kept();
  const target = { kind: "url", url: `${there.url}?sslmode=prefer` } as const;
  const rows = openUsageDatabase(target, { applicationName: "rows", log, sockets });
  await opensAndCloses(rows.write);
  assert.equal((await readRow(rows.sql, "req_a")).ended, "complete");
  assert.deepEqual(said, [["usage_rows_through_postgres_js", "it is reached over TLS"]]);
  await rows.end();
});

Deno.test("openUsageDatabase() turns to postgres.js when the server wants what our lines do not speak", async () => {
  await using db = await testDatabase();
  await insertMachine(db.sql, "mac_a", "ready");
  const wantsKerberos = Uint8Array.of(0x52, 0, 0, 0, 8, 0, 0, 0, 7);
  await using there = elsewhere(db, [1, 3], wantsKerberos); // and would again
  const { said, log } = kept();
  const target = { kind: "url", url: there.url.href } as const;
  const rows = openUsageDatabase(target, { applicationName: "rows", log, sockets });
  await opensAndCloses(rows.write);
  assert.deepEqual(said, [
    ["usage_rows_through_postgres_js", "The database wants authentication 7"],
  ]);
  await rows.end();
});
