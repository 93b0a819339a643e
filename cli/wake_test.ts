import assert from "node:assert/strict";
import { z } from "zod";
import type { Sql } from "@/lib/kernel/database.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { cli, cliJson, fleetFolder } from "./test_cli.ts";

const wakeShape = z.object({
  id: z.string(),
  outcome: z.string().nullable(),
  machine_id: z.string(),
});

Deno.test("wake asks for a machine once, and shares the wake after", async () => {
  await using db = await testDatabase();
  await using fleet = await fleetFolder();
  await addReplica(db.sql);
  await addMachine(db.sql, "asleep");
  const answer = z.object({ wake: wakeShape, shared: z.boolean() });
  const first = answer.parse((await cliJson(db.target, ["wake", "first"], fleet)).json);
  assert.equal(first.shared, false);
  assert.equal(first.wake.machine_id, "mac_1");
  const second = answer.parse((await cliJson(db.target, ["wake", "first"], fleet)).json);
  assert.deepEqual(second, { ...first, shared: true });

  const { json } = await cliJson(db.target, ["wakes", "list", "--tier", "first"]);
  assert.deepEqual(z.object({ wakes: z.array(wakeShape) }).parse(json).wakes, [first.wake]);
});

Deno.test("wake --follow tells each phase once, in order, until the machine serves", async () => {
  await using db = await testDatabase();
  await using fleet = await fleetFolder();
  await addReplica(db.sql);
  await addMachine(db.sql, "asleep");
  const steps = [
    () => db.sql`update wakes set power_asked_at = now(), power_on_at = now() + interval '1 s'`,
    () => db.sql`update wakes set healthy_at = now() + interval '2 s'`,
    () =>
      db.sql`update wakes set ended_at = now() + interval '2 s', outcome = 'served', because = 'healthy'`,
  ];
  let lines = 0;
  const ran = await cli(db.target, ["wake", "first", "--follow", "-o", "json"], {
    ...fleet,
    // The gateway's next step follows what was told of the one before.
    out() {
      const step = { 0: steps[0], 2: steps[1], 3: steps[2] }[lines++];
      step?.().then();
    },
  });
  assert.equal(ran.code, 0, ran.err);
  const events = ran.out.trim().split("\n").map((line) =>
    z.object({ event: z.string(), since_asked_ms: z.number() }).parse(JSON.parse(line))
  );
  assert.deepEqual(
    events.map(({ event }) => event),
    ["asked", "power_asked", "power_on", "healthy", "served"],
  );
  assert.equal(events[0]?.since_asked_ms, 0);
});

Deno.test("wake --follow exits 1 with the reason when the machine will not start", async () => {
  await using db = await testDatabase();
  await using fleet = await fleetFolder();
  await addReplica(db.sql);
  await addMachine(db.sql, "asleep");
  const ran = await cli(db.target, ["wake", "first", "--follow"], {
    ...fleet,
    out: () =>
      void db.sql`
        update wakes set ended_at = now(), outcome = 'failed', because = 'out of memory'`.then(),
  });
  assert.equal(ran.code, 1);
  assert.match(ran.out, /failed: out of memory/);
  assert.equal(ran.err, 'Cannot wake tier "first": out of memory\n');
});

Deno.test("wake --follow stops at Ctrl-C and leaves the wake to go on", async () => {
  await using db = await testDatabase();
  await using fleet = await fleetFolder();
  await addReplica(db.sql);
  await addMachine(db.sql, "asleep");
  const leaving = new AbortController();
  const ran = await cli(db.target, ["wake", "first", "--follow"], {
    ...fleet,
    signal: leaving.signal,
    out: () => leaving.abort(),
  });
  assert.equal(ran.code, 130);
  assert.match(ran.err, /goes on/);
  const [open] = await db.sql`select 1 from wakes where ended_at is null`;
  assert.ok(open !== undefined);
});

Deno.test("wake --follow gives up on a wake that no gateway ends", async () => {
  await using db = await testDatabase();
  await using fleet = await fleetFolder();
  await addReplica(db.sql);
  await addMachine(db.sql, "asleep");
  const ran = await cli(db.target, ["wake", "first", "--follow"], {
    ...fleet,
    out: () =>
      void db.sql`
        update wakes set asked_at = now() - interval '1 hour', deadline = now() - interval '50 min'`
        .then(),
  });
  assert.equal(ran.code, 69);
  assert.match(ran.err, /no gateway ended it/);
});

Deno.test("wake says why it cannot: no gateway, no such tier, no machine", async () => {
  await using db = await testDatabase();
  await using fleet = await fleetFolder();
  const nobody = await cli(db.target, ["wake", "first"], fleet);
  assert.equal(nobody.code, 69);
  assert.match(nobody.err, /no gateway is running/);

  await addReplica(db.sql, "2 minutes");
  assert.equal((await cli(db.target, ["wake", "first"], fleet)).code, 69);

  await addReplica(db.sql);
  const unknown = await cli(db.target, ["wake", "second"], fleet);
  assert.equal(unknown.code, 1);
  assert.equal(unknown.err, 'Cannot wake tier "second": the lineup has first\n');
  const none = await cli(db.target, ["wake", "first"], fleet);
  assert.equal(none.code, 1);
  assert.match(none.err, /the tier has no machines/);
});

Deno.test("machines list says why a machine is left alone, and until when", async () => {
  await using db = await testDatabase();
  await db.sql`
    insert into machines (id, tier, slot, provider, place, place_detail)
    values
      ('mac_1', 'first', 0, 'cloud', 'failed', '{"retryAt": 1750000000000, "why": "capacity"}'),
      ('mac_2', 'first', 1, 'cloud', 'failed', '{"retryAt": 1750000000000}'),
      ('mac_3', 'first', 2, 'cloud', 'absent', '{}')`;
  const told = z.object({ why: z.string().nullable(), retry_at: z.string().nullable() });
  const schema = z.object({ machines: z.array(told) });
  const { machines } = schema.parse((await cliJson(db.target, ["machines", "list"])).json);
  const retry_at = "2025-06-15T15:06:40.000Z";
  assert.deepEqual(machines, [
    { why: "capacity", retry_at },
    { why: "start-failed", retry_at },
    { why: null, retry_at: null },
  ]);
});

Deno.test("machines list and tiers list show places, and retired machines only when asked", async () => {
  await using db = await testDatabase();
  await using fleet = await fleetFolder();
  await addMachine(db.sql, "asleep");
  await db.sql`
    insert into machines (id, tier, slot, provider, place, retired_at)
    values ('mac_old', 'gone', 0, 'local', 'absent', now())`;
  const machines = z.object({ machines: z.array(z.object({ id: z.string(), state: z.string() })) });
  const ids = async (...args: string[]) =>
    machines.parse((await cliJson(db.target, ["machines", "list", ...args])).json).machines
      .map(({ id, state }) => `${id} ${state}`);
  assert.deepEqual(await ids(), ["mac_1 Cold"]);
  assert.deepEqual(await ids("--all"), ["mac_1 Cold", "mac_old Cold"]);
  assert.deepEqual(await ids("--tier", "other"), []);

  const { json } = await cliJson(db.target, ["tiers", "list"], fleet);
  const tier = { name: z.string(), places: z.record(z.string(), z.number()), idle_ms: z.number() };
  assert.deepEqual(z.object({ tiers: z.array(z.object(tier)) }).parse(json).tiers, [
    { name: "first", places: { asleep: 1 }, idle_ms: 900_000 },
  ]);
  const people = await cli(db.target, ["tiers", "list"], fleet);
  assert.match(people.out, /^ +1 +first +spot .* 1 asleep +15 min +spill$/m);
});

async function addReplica(sql: Sql, silentFor = "0 seconds"): Promise<void> {
  await sql`
    insert into replicas (id, host, pid, version, seen_at)
    values (${`rep_${silentFor}`}, 'h', 1, 'test', now() - ${silentFor}::text::interval)`;
}

async function addMachine(sql: Sql, place: string): Promise<void> {
  await sql`
    insert into machines (id, tier, slot, provider, place) values ('mac_1', 'first', 0, 'static', ${place})`;
}
