import assert from "node:assert/strict";
import {
  type Instant,
  instant,
  later,
  manualClock,
  millis,
  minutes,
  seconds,
} from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { newId } from "@/lib/kernel/ids.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { readJournal } from "./journal_store.ts";
import type { Claim, MachineStore, Move } from "./machine_store.ts";
import { createMachineStore } from "./sql_machine_store.ts";
import { addMachine, closeRow, openRow, START } from "./stores_testing.ts";
import { askWake, recentWakes } from "./wakes_store.ts";

const LEASE = seconds(15);
const NOW = later(START, minutes(1));

async function claimed(store: MachineStore, machineId: string): Promise<Claim> {
  const answer = await store.claim(machineId, LEASE);
  assert.ok(answer.kind === "claimed", `the claim was ${answer.kind}`);
  return answer.claim;
}

const expireLease = (sql: Sql, machineId: string) =>
  sql`update machines set lease_until = now() - interval '1 second' where id = ${machineId}`;

function moveTo(to: Move["to"], over: Partial<Move> = {}): Move {
  return {
    id: newId("opr", NOW),
    to,
    act: null,
    because: "a test",
    failures: 0,
    wake: null,
    forget: false,
    unlessRows: false,
    ...over,
  };
}

const WAKING = { at: "waking", deadline: later(NOW, minutes(5)), askedAt: NOW } as const;
const READY = { at: "ready", since: START, sickSince: null } as const;
const STOPPING = {
  at: "stopping",
  deadline: later(NOW, minutes(5)),
  askedAt: NOW,
  failing: false,
} as const;

Deno.test("claim() gives a machine to one holder at a time, until its lease ends or is given back", async () => {
  await using db = await testDatabase();
  const [one, two] = [createMachineStore(db.sql, "rep_1"), createMachineStore(db.sql, "rep_2")];
  const id = await addMachine(db.sql);
  const first = await claimed(one, id);
  assert.deepEqual(await two.claim(id, LEASE), { kind: "held" });
  await one.release(first);
  const second = await claimed(two, id);
  assert.ok(second.token > first.token, "the token only grows");
  await expireLease(db.sql, id);
  assert.ok((await claimed(one, id)).token > second.token);
  assert.deepEqual(await one.claim("mac_none", LEASE), { kind: "missing" });
});

Deno.test("claim() answers the machine with its place as it was written", async () => {
  await using db = await testDatabase();
  const store = createMachineStore(db.sql, "rep_1");
  const id = await addMachine(db.sql, { slot: 3, place: WAKING, failures: 2, generation: 9 });
  const { machine } = await claimed(store, id);
  assert.deepEqual(machine, {
    id,
    tier: "spot",
    slot: 3,
    provider: "local",
    externalId: null,
    baseUrl: null,
    place: WAKING,
    placeSince: START,
    failures: 2,
    generation: 9,
    retired: false,
  });
});

Deno.test("a holder whose lease was taken can neither renew, write, move nor release", async () => {
  await using db = await testDatabase();
  const [one, two] = [createMachineStore(db.sql, "rep_1"), createMachineStore(db.sql, "rep_2")];
  const id = await addMachine(db.sql);
  const late = await claimed(one, id);
  await expireLease(db.sql, id);
  const current = await claimed(two, id);

  assert.equal(await one.renew(late, LEASE), false);
  assert.equal(await one.setAddress(late, { externalId: "x", baseUrl: null }), false);
  assert.equal(await one.move(late, moveTo(WAKING), NOW), null);
  await one.release(late);
  assert.equal(await two.renew(current, LEASE), true, "the current lease stands");
  assert.equal((await two.move(current, moveTo(WAKING), NOW))?.generation, 1);
  assert.equal((await readJournal(db.sql, { limit: 10 })).length, 1);
});

Deno.test("renew() keeps a lease that would have ended", async () => {
  await using db = await testDatabase();
  const store = createMachineStore(db.sql, "rep_1");
  const id = await addMachine(db.sql);
  const claim = await claimed(store, id);
  await expireLease(db.sql, id);
  assert.equal(await store.renew(claim, LEASE), true);
  assert.deepEqual(await store.claim(id, LEASE), { kind: "held" });
  await store.release(claim);
  assert.equal(await store.renew(claim, LEASE), false, "a lease given back is not renewed");
});

Deno.test("move() refuses an old generation, and journals each step once", async () => {
  await using db = await testDatabase();
  const store = createMachineStore(db.sql, "rep_1");
  const id = await addMachine(db.sql);
  const claim = await claimed(store, id);
  const first = await store.move(claim, moveTo(WAKING, { act: "start", failures: 1 }), NOW);
  assert.deepEqual([first?.generation, first?.place, first?.failures], [1, WAKING, 1]);
  assert.equal(await store.move(claim, moveTo(WAKING), NOW), null);
  const [entry, ...others] = await readJournal(db.sql, { limit: 10 });
  assert.deepEqual(others, []);
  assert.ok(entry?.kind === "move");
  const { fromPlace, toPlace, act, generation, replicaId, tier, at } = entry;
  assert.deepEqual(
    { fromPlace, toPlace, act, generation, replicaId, tier, at },
    {
      fromPlace: "asleep",
      toPlace: "waking",
      act: "start",
      generation: 1,
      replicaId: "rep_1",
      tier: "spot",
      at: NOW,
    },
  );
});

Deno.test("move() refuses to stop a machine while a row is open, unless told to", async () => {
  await using db = await testDatabase();
  const store = createMachineStore(db.sql, "rep_1");
  const place = { at: "draining", then: "stop", sick: false } as const;
  const id = await addMachine(db.sql, { place });
  const claim = await claimed(store, id);
  const row = await openRow(db.sql, id);
  const stop = moveTo(STOPPING, { act: "stop", unlessRows: true });
  assert.equal(await store.move(claim, stop, NOW), null);
  assert.deepEqual(await readJournal(db.sql, { limit: 10 }), []);
  await closeRow(db.sql, row, NOW);
  assert.equal((await store.move(claim, stop, NOW))?.place.at, "stopping");
});

Deno.test("move() forgets an address on the way to rest, and the computer's name once it is gone", async () => {
  await using db = await testDatabase();
  const store = createMachineStore(db.sql, "rep_1");
  const known = { externalId: "ext-1", baseUrl: "http://engine.test" };
  const lost = await claimed(store, await addMachine(db.sql, { ...known, place: READY }));
  const asleep = await store.move(lost, moveTo({ at: "asleep" }), NOW);
  assert.deepEqual([asleep?.externalId, asleep?.baseUrl], ["ext-1", null]);
  const gone = await claimed(store, await addMachine(db.sql, { ...known, slot: 1, place: READY }));
  const absent = await store.move(gone, moveTo({ at: "absent" }, { forget: true }), NOW);
  assert.deepEqual([absent?.externalId, absent?.baseUrl], [null, null]);
});

Deno.test("move() ends the wake that names the machine, and no other", async () => {
  await using db = await testDatabase();
  const store = createMachineStore(db.sql, "rep_1");
  const place = { at: "loading", deadline: NOW, rousing: false, askedAt: NOW } as const;
  const id = await addMachine(db.sql, { place, baseUrl: "http://engine.test" });
  await addMachine(db.sql, { tier: "other" });
  const ask = { requestId: null, patience: minutes(5), attempts: 2 };
  await askWake(db.sql, { ...ask, tier: "spot" }, START);
  await askWake(db.sql, { ...ask, tier: "other" }, START);
  const claim = await claimed(store, id);
  await store.move(claim, moveTo({ ...READY, since: NOW }, { wake: { outcome: "served" } }), NOW);
  const wakes = await recentWakes(db.sql, { limit: 10 });
  const ends = wakes.map(({ tier, outcome, endedAt, healthyAt }) => ({
    tier,
    outcome,
    endedAt,
    healthyAt,
  }));
  assert.deepEqual(ends.sort((a, b) => a.tier < b.tier ? -1 : 1), [
    { tier: "other", outcome: null, endedAt: null, healthyAt: null },
    { tier: "spot", outcome: "served", endedAt: NOW, healthyAt: NOW },
  ]);
});

Deno.test("move() that fails a wake writes into it when its machine may be tried again", async () => {
  await using db = await testDatabase();
  const store = createMachineStore(db.sql, "rep_1");
  const creating = { at: "creating", deadline: NOW, askedAt: NOW } as const;
  const id = await addMachine(db.sql, { place: creating });
  const ask = { tier: "spot", requestId: null, patience: minutes(5), attempts: 2 };
  await askWake(db.sql, ask, START);
  const retryAt = later(NOW, minutes(2));
  const failed = { at: "failed", retryAt, why: "capacity" } as const;
  await store.move(
    await claimed(store, id),
    moveTo(failed, { wake: { outcome: "failed", retryAt } }),
    NOW,
  );
  const [wake] = await recentWakes(db.sql, { limit: 1 });
  assert.deepEqual([wake?.outcome, wake?.endedAt, wake?.retryAt], ["failed", NOW, retryAt]);
});

Deno.test("claim() and renew() go by the given clock, where a whole fleet runs on one", async () => {
  await using db = await testDatabase();
  const clock = manualClock();
  const [one, two] = ["rep_1", "rep_2"].map((holder) =>
    createMachineStore(db.sql, holder, clock)
  ) as [MachineStore, MachineStore];
  const id = await addMachine(db.sql);
  const claim = await claimed(one, id);
  clock.advance(millis(LEASE - 1));
  assert.equal((await two.claim(id, LEASE)).kind, "held");
  assert.ok(await one.renew(claim, LEASE));
  clock.advance(millis(LEASE - 1));
  assert.equal((await two.claim(id, LEASE)).kind, "held");
  clock.advance(millis(1));
  assert.equal((await two.claim(id, LEASE)).kind, "claimed");
});

Deno.test("demand() counts open rows, the last use and the wake with its steps", async () => {
  await using db = await testDatabase();
  const store = createMachineStore(db.sql, "rep_1");
  const id = await addMachine(db.sql);
  assert.deepEqual(await store.demand(id, NOW), {
    openRows: 0,
    lastUsedAt: null,
    wake: null,
    replacedAt: [],
  });
  await openRow(db.sql, id);
  await closeRow(db.sql, await openRow(db.sql, id), later(NOW, seconds(3)));
  await closeRow(db.sql, await openRow(db.sql, id), later(NOW, seconds(2)));
  const ask = { tier: "spot", requestId: null, patience: minutes(5), attempts: 2 };
  const asked = await askWake(db.sql, ask, START);
  assert.ok(asked.kind === "asked");
  await store.stampWake(asked.wakeId, ["powerOn", "portOpen"], NOW);
  await store.stampWake(asked.wakeId, ["portOpen"], later(NOW, seconds(9)));
  assert.deepEqual(await store.demand(id, NOW), {
    openRows: 1,
    lastUsedAt: later(NOW, seconds(3)),
    wake: { id: asked.wakeId, stamped: ["powerOn", "portOpen"] },
    replacedAt: [],
  });
  const [wake] = await recentWakes(db.sql, { limit: 1 });
  assert.equal(wake?.portOpenAt, NOW, "a step keeps its first time");
  const deadline = later(START, minutes(5));
  assert.notEqual((await store.demand(id, instant(deadline - 1))).wake, null);
  assert.equal((await store.demand(id, deadline)).wake, null, "past its deadline nobody waits");
});

Deno.test("demand() tells when a machine's broken computers were replaced within the last day, from the journal", async () => {
  await using db = await testDatabase();
  const store = createMachineStore(db.sql, "rep_1");
  const id = await addMachine(db.sql, { place: { at: "failed", retryAt: START } });
  const ending = { at: "destroying", deadline: NOW, askedAt: NOW, failing: false } as const;
  const times = [NOW, later(NOW, minutes(2)), later(NOW, minutes(9))];
  const reasons = ["replaced: it broke", "no sign of the destroy; asked again", "replaced: again"];
  for (const [i, at] of times.entries()) {
    const claim = await claimed(store, id);
    const because = reasons[i] ?? "";
    assert.ok(await store.move(claim, moveTo(ending, { act: "destroy", because }), at));
    await store.release(claim);
  }
  const toldAt = async (at: Instant) => (await store.demand(id, at)).replacedAt;
  assert.deepEqual(await toldAt(later(NOW, minutes(9))), [times[0], times[2]]);
  assert.deepEqual(await toldAt(later(NOW, minutes(1_440))), [times[2]]);
});

Deno.test("due() lists every machine but those long retired and at rest", async () => {
  await using db = await testDatabase();
  const store = createMachineStore(db.sql, "rep_1");
  const kept = await addMachine(db.sql);
  const retired = await addMachine(db.sql, { slot: 1, retired: true });
  const running = await addMachine(db.sql, { slot: 2, retired: true, place: READY });
  const hour = millis(3_600_000);
  assert.deepEqual(await store.due(instant(START + hour - 1)), [kept, retired, running]);
  assert.deepEqual(await store.due(later(START, hour)), [kept, running]);
});

Deno.test("the journal can be written and read, but neither changed nor emptied", async () => {
  await using db = await testDatabase();
  const store = createMachineStore(db.sql, "rep_1");
  const claim = await claimed(store, await addMachine(db.sql));
  const move = moveTo(WAKING, { act: "start" });
  await store.move(claim, move, NOW);
  await store.outcome(claim, move.id, "failed", { kind: "timeout", tookMs: 60_000 }, NOW);
  const outcome = (await readJournal(db.sql, { limit: 10 })).at(-1);
  assert.ok(outcome?.kind === "outcome");
  const { moveId, outcome: how, detail } = outcome;
  assert.deepEqual([moveId, how, detail], [move.id, "failed", { kind: "timeout", tookMs: 60_000 }]);
  const refused = /append-only/;
  await assert.rejects(async () => await db.sql`update operations set because = 'other'`, refused);
  await assert.rejects(async () => await db.sql`delete from operations`, refused);
  await assert.rejects(async () => await db.sql`truncate operations cascade`, refused);
});
