/** Tests of events.ts, on a real server. */
import { deepEqual, equal } from "node:assert/strict";
import { millis } from "./clock.ts";
import type { DatabaseTarget } from "./database.ts";
import { openEvents } from "./events.ts";
import { silentLog } from "./log.ts";
import { testDatabase } from "./test_database.ts";

/** What a subscriber was told. */
function listener() {
  const heard: string[] = [];
  const told = { reloads: 0, heard };
  return {
    told,
    hear: (payload: string) => void heard.push(payload),
    reload: () => void told.reloads++,
  };
}

async function until(reached: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !await reached(); tries++) {
    if (tries > 1_000) throw new Error("Waited too long");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("openEvents() tells of changes by the id of the row, to those who asked for the channel", async () => {
  await using db = await testDatabase();
  const events = await openEvents(db.target, silentLog);
  const [keys, machines] = [listener(), listener()];
  events.on("api_keys", keys.hear, keys.reload);
  events.on("machines", machines.hear, machines.reload);
  await until(() => keys.told.reloads === 1 && machines.told.reloads === 1);
  await db.sql`insert into accounts (id, name) values ('acc_1', 'x')`;
  await db.sql`
    insert into api_keys (id, account_id, name, secret_sha256, shown_prefix)
    values ('key_1', 'acc_1', 'k', ${"0".repeat(64)}, 'sk-ember-ab')`;
  await db.sql`update api_keys set revoked_at = now() where id = 'key_1'`;
  await until(() => keys.told.heard.length === 2);
  deepEqual(keys.told.heard, ["key_1", "key_1"]);
  deepEqual(machines.told.heard, []);
  equal(keys.told.reloads, 1);
  await events.close();
});

Deno.test("on() lets each subscriber reload once LISTEN stands, and says nothing after it was ended", async () => {
  await using db = await testDatabase();
  const events = await openEvents(db.target, silentLog);
  const [first, second] = [listener(), listener()];
  const end = events.on("wakes", first.hear, first.reload);
  await until(() => first.told.reloads === 1);
  events.on("wakes", second.hear, second.reload);
  await until(() => second.told.reloads === 1);
  equal(first.told.reloads, 1);
  end();
  await db.sql`select pg_notify('wakes', 'wak_1')`;
  await until(() => second.told.heard.length === 1);
  deepEqual(first.told.heard, []);
  await events.close();
  await db.sql`select pg_notify('wakes', 'wak_2')`;
  deepEqual(second.told.heard, ["wak_1"]);
});

Deno.test("openEvents() survives a subscriber that throws", async () => {
  await using db = await testDatabase();
  const events = await openEvents(db.target, silentLog);
  const calm = listener();
  events.on("wakes", () => {
    throw new Error("clumsy");
  }, () => {
    throw new Error("clumsy");
  });
  events.on("wakes", calm.hear, calm.reload);
  await until(() => calm.told.reloads === 1);
  await db.sql`select pg_notify('wakes', 'wak_1')`;
  await until(() => calm.told.heard.length === 1);
  await events.close();
});

Deno.test("openEvents() listens again after the server cut the line, and has caches reload", async () => {
  await using db = await testDatabase();
  const events = await openEvents(db.target, silentLog);
  const { told, hear, reload } = listener();
  events.on("machines", hear, reload);
  await until(() => told.reloads === 1);
  for (const reloads of [2, 3]) {
    await db.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'emberlane-events' and datname = current_database()`;
    await until(() => told.reloads === reloads);
  }
  await db.sql`select pg_notify('machines', 'mac_1')`;
  await until(() => told.heard.length === 1);
  await events.close();
});

Deno.test("openEvents() notices a line that is silently dead, and one that stays down for a while", async () => {
  await using db = await testDatabase();
  await using line = proxyTo(db.target);
  let failures = 0;
  const log = {
    ...silentLog,
    warn: (event: string) => void (failures += event === "events.unreachable" ? 1 : 0),
  };
  const events = await openEvents(line.target, log, {
    pingEvery: millis(20),
    pingLimit: millis(200),
  });
  const { told, hear, reload } = listener();
  events.on("machines", hear, reload);
  await until(() => told.reloads === 1);
  line.freeze();
  await until(() => told.reloads === 2);
  line.close();
  await until(() => failures > 2);
  line.open();
  await until(() => told.reloads === 3);
  await db.sql`select pg_notify('machines', 'mac_1')`;
  await until(() => told.heard.length === 1);
  await events.close();
});

/** A line to the server that can go silent, be cut, or not be there. */
function proxyTo(target: DatabaseTarget) {
  let listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const pairs = new Set<{ frozen: boolean; ends: Deno.Conn[] }>();
  const url = new URL(target.kind === "url" ? target.url : "postgres://postgres@h/");
  const port = Number(url.port || 5432);
  const hostname = url.hostname;
  const connect = () =>
    target.kind === "socket"
      ? Deno.connect({ transport: "unix", path: target.path })
      : Deno.connect({ hostname, port });
  if (target.kind === "socket") url.pathname = target.database;
  url.host = `127.0.0.1:${listener.addr.port}`;

  async function pump(pair: { frozen: boolean }, from: Deno.Conn, to: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(16_384);
    try {
      for (let n = await from.read(buffer); n !== null; n = await from.read(buffer)) {
        if (!pair.frozen) await to.write(buffer.slice(0, n));
      }
    } catch {
      // an end was closed
    }
    if (!pair.frozen) close(from, to);
  }
  function close(...ends: Deno.Conn[]): void {
    for (const end of ends) {
      try {
        end.close();
      } catch {
        // closed already
      }
    }
  }
  const accept = async () => {
    for await (const client of listener) {
      const upstream = await connect();
      const pair = { frozen: false, ends: [client, upstream] };
      pairs.add(pair);
      pump(pair, client, upstream);
      pump(pair, upstream, client);
    }
  };
  let accepting = accept();
  function shut(): void {
    listener.close();
    pairs.forEach((pair) => close(...pair.ends));
  }
  return {
    target: { kind: "url", url: url.href } as const,
    freeze: () => pairs.forEach((pair) => pair.frozen = true),
    /** Cuts what is connected and lets nobody in. */
    close: shut,
    open() {
      listener = Deno.listen({ hostname: "127.0.0.1", port: Number(url.port) });
      accepting = accept();
    },
    async [Symbol.asyncDispose]() {
      shut();
      await accepting;
    },
  };
}
