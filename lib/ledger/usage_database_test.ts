/** Which way opens and closes go, and that it is said when it is not ours. */
import { nodeSockets } from "@/lib/kernel/sockets/node_sockets.ts";
import assert from "node:assert/strict";
import { silentLog } from "@/lib/kernel/log.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
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

/** A port on loopback that leads to the server of `path`; the connections of those numbers hear `word` instead. */
function bridge(path: string, refused: readonly number[] = [], word = new Uint8Array()) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const over = (async () => {
    let number = 0;
    for await (const conn of listener) {
      if (refused.includes(++number)) {
        await conn.write(word);
        continue; // closed from the other side
      }
      const server = await Deno.connect({ transport: "unix", path });
      conn.readable.pipeTo(server.writable).catch(() => {});
      server.readable.pipeTo(conn.writable).catch(() => {});
    }
  })();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await over;
    },
  };
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
  if (db.target.kind !== "socket") return;
  await insertMachine(db.sql, "mac_a", "ready");
  await using tcp = bridge(db.target.path);
  const { said, log } = kept();
  const url = `postgres://postgres@127.0.0.1:${tcp.port}/${db.target.database}?sslmode=prefer`;
  const rows = openUsageDatabase({ kind: "url", url }, { applicationName: "rows", log, sockets });
  await opensAndCloses(rows.write);
  assert.equal((await readRow(rows.sql, "req_a")).ended, "complete");
  assert.deepEqual(said, [["usage_rows_through_postgres_js", "it is reached over TLS"]]);
  await rows.end();
});

Deno.test("openUsageDatabase() turns to postgres.js when the server wants what our lines do not speak", async () => {
  await using db = await testDatabase();
  if (db.target.kind !== "socket") return;
  await insertMachine(db.sql, "mac_a", "ready");
  const wantsKerberos = Uint8Array.of(0x52, 0, 0, 0, 8, 0, 0, 0, 7);
  await using tcp = bridge(db.target.path, [1, 3], wantsKerberos); // and would again
  const { said, log } = kept();
  const url = `postgres://postgres@127.0.0.1:${tcp.port}/${db.target.database}`;
  const rows = openUsageDatabase({ kind: "url", url }, { applicationName: "rows", log, sockets });
  await opensAndCloses(rows.write);
  assert.deepEqual(said, [
    ["usage_rows_through_postgres_js", "The database wants authentication 7"],
  ]);
  await rows.end();
});
