import assert from "node:assert/strict";
import { later, manualClock, millis, minutes, seconds } from "@/lib/kernel/clock.ts";
import { type Channel, type Events, openEvents } from "@/lib/kernel/events.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { type TestDatabase, testDatabase } from "@/lib/kernel/test_database.ts";
import { createFleetView, type FleetView } from "./fleet_view.ts";
import { addMachine, START } from "./stores_testing.ts";
import { askWake } from "./wakes_store.ts";

const ASK = { tier: "spot", requestId: null, patience: minutes(5), attempts: 2 };

async function opened(db: TestDatabase) {
  const clock = manualClock(START);
  const events = await openEvents(db.target, silentLog);
  const view = await createFleetView({ sql: db.sql, events, clock, log: silentLog });
  return {
    clock,
    view,
    async [Symbol.asyncDispose]() {
      await view.close();
      await events.close();
    },
  };
}

/** Resolves once the view shows it; a view that never does ends the test by its limit. */
async function shows(view: FleetView, holds: () => boolean): Promise<void> {
  if (holds()) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const limit = setTimeout(() => reject(new Error("the view never showed it")), 10_000);
  const end = view.subscribe(() => holds() && resolve());
  await promise.finally(() => {
    clearTimeout(limit);
    end();
  });
}

Deno.test("createFleetView() shows the machines in order, and hears of each change", async () => {
  await using db = await testDatabase();
  await addMachine(db.sql, { slot: 1 });
  const first = await addMachine(db.sql, { slot: 0 });
  await addMachine(db.sql, { slot: 2, retired: true });
  await addMachine(db.sql, { tier: "more" });
  await using opening = await opened(db);
  const { view } = opening;
  const named = () => view.machines().map(({ tier, slot }) => `${tier}${slot}`);
  assert.deepEqual(named(), ["more0", "spot0", "spot1"]);
  assert.deepEqual(view.ready("spot"), []);
  assert.equal(view.machine("mac_none"), null);

  const detail = { since: START, sickSince: null };
  await db.sql`
    update machines set place = 'ready', place_detail = ${
    db.sql.json(detail)
  }, base_url = 'http://engine.test'
    where id = ${first}
  `;
  await shows(view, () => view.ready("spot").length === 1);
  assert.equal(view.machine(first)?.baseUrl, "http://engine.test");
  await db.sql`update machines set retired_at = now() where id = ${first}`;
  await shows(view, () => view.ready("spot").length === 0);
  assert.equal(view.machine(first)?.retired, true, "it is shown until it rests");
  await db.sql`update machines set place = 'asleep', place_detail = '{}' where id = ${first}`;
  await shows(view, () => view.machine(first) === null);
});

Deno.test("ready() puts machines whose engine does not answer last", async () => {
  await using db = await testDatabase();
  const ready = { at: "ready", since: START } as const;
  await addMachine(db.sql, { slot: 0, place: { ...ready, sickSince: START } });
  await addMachine(db.sql, { slot: 1, place: { ...ready, sickSince: null } });
  await using opening = await opened(db);
  assert.deepEqual(opening.view.ready("spot").map((machine) => machine.slot), [1, 0]);
});

Deno.test("openWake() and wake() follow a wake by its steps, and keep it ten minutes after its end", async () => {
  await using db = await testDatabase();
  await addMachine(db.sql);
  await using opening = await opened(db);
  const { view, clock } = opening;
  assert.equal(view.openWake("spot"), null);
  const asked = await askWake(db.sql, ASK, START);
  assert.ok(asked.kind === "asked");
  const { wakeId } = asked;
  await shows(view, () => view.openWake("spot") !== null);
  assert.deepEqual([view.wake(wakeId)?.phase, view.wake(wakeId)?.eta], ["asked", null]);

  const steps = [
    ["power_asked_at", "powerAsked"],
    ["power_on_at", "powerOn"],
    ["address_at", "address"],
    ["port_open_at", "portOpen"],
    ["healthy_at", "healthy"],
  ] as const;
  for (const [column, phase] of steps) {
    await db.sql`update wakes set ${db.sql(column)} = ${new Date(
      START + 20_000,
    )} where id = ${wakeId}`;
    await shows(view, () => view.wake(wakeId)?.phase === phase);
  }
  const ended = new Date(START + 20_000);
  await db.sql`update wakes set ended_at = ${ended}, outcome = 'served' where id = ${wakeId}`;
  await shows(view, () => view.openWake("spot") === null);
  assert.equal(view.wake(wakeId)?.outcome, "served");

  const next = await askWake(db.sql, ASK, later(START, minutes(1)));
  await shows(view, () => view.openWake("spot") !== null);
  assert.ok(next.kind === "asked");
  clock.advance(minutes(1));
  assert.deepEqual(view.etaFor("spot"), { p50S: 20, p95S: 20, samples: 1 });
  assert.deepEqual(view.wake(next.wakeId)?.eta, { likely: seconds(20), atMost: seconds(20) });
  clock.advance(seconds(5));
  assert.deepEqual(view.wake(next.wakeId)?.eta, { likely: seconds(15), atMost: seconds(15) });

  clock.advance(millis(20_000 + 600_000 - 65_000 - 1));
  await view.refresh();
  assert.notEqual(view.wake(wakeId), null);
  clock.advance(millis(1));
  await view.refresh();
  assert.equal(view.wake(wakeId), null);
});

Deno.test("wake() of one that failed says when its machine may be tried again", async () => {
  await using db = await testDatabase();
  await addMachine(db.sql);
  await using opening = await opened(db);
  const { view } = opening;
  const asked = await askWake(db.sql, ASK, START);
  assert.ok(asked.kind === "asked");
  const { wakeId } = asked;
  await shows(view, () => view.wake(wakeId)?.retryAt === null);
  const retryAt = later(START, minutes(2));
  // The move's one statement; what the view knows of the machine does not count.
  await db.sql`
    update wakes set ended_at = ${new Date(START)}, outcome = 'failed', retry_at = ${new Date(
    retryAt,
  )}
    where id = ${wakeId}
  `;
  await shows(view, () => view.wake(wakeId)?.outcome === "failed");
  assert.equal(view.wake(wakeId)?.retryAt, retryAt);
});

Deno.test("etaFor() speaks of the place a wake would begin at", async () => {
  await using db = await testDatabase();
  const id = await addMachine(db.sql);
  await db.sql`
    insert into wakes (id, tier, machine_id, asked_at, deadline, from_place, healthy_at, ended_at, outcome)
    values (
      'wak_1', 'spot', ${id}, ${new Date(START - 100_000)}, ${new Date(START)}, 'asleep',
      ${new Date(START - 60_000)}, ${new Date(START - 60_000)}, 'served'
    )
  `;
  await using opening = await opened(db);
  assert.deepEqual(opening.view.etaFor("spot"), { p50S: 40, p95S: 40, samples: 1 });
  assert.equal(opening.view.etaFor("none"), null);
});

/** Events that the test gives by hand. */
function handEvents() {
  const heard = new Map<Channel, { tell: (id: string) => void; reload: () => void }>();
  const events: Events = {
    on(channel, tell, reload) {
      heard.set(channel, { tell, reload });
      return () => heard.delete(channel);
    },
    close: () => Promise.resolve(),
  };
  return { events, heard };
}

Deno.test("createFleetView() reads what it was never told within 30 seconds, and at once when LISTEN stands again", async () => {
  await using db = await testDatabase();
  const clock = manualClock(START);
  const { events, heard } = handEvents();
  const view = await createFleetView({ sql: db.sql, events, clock, log: silentLog });
  await addMachine(db.sql, { slot: 0 });
  clock.advance(seconds(30));
  await shows(view, () => view.machines().length === 1);
  await addMachine(db.sql, { slot: 1 });
  heard.get("machines")?.reload();
  await shows(view, () => view.machines().length === 2);
  await addMachine(db.sql, { slot: 2 });
  await view.refresh();
  assert.equal(view.machines().length, 3);
  await view.close();
  assert.equal(heard.size, 0, "it listens no more");
});

Deno.test("a burst of notices is read in a few queries", async () => {
  await using db = await testDatabase();
  const { events, heard } = handEvents();
  const view = await createFleetView({
    sql: db.sql,
    events,
    clock: manualClock(START),
    log: silentLog,
  });
  const ids = [];
  for (let slot = 0; slot < 20; slot++) ids.push(await addMachine(db.sql, { slot }));
  let changes = 0;
  view.subscribe(() => changes++);
  for (let round = 0; round < 50; round++) for (const id of ids) heard.get("machines")?.tell(id);
  await shows(view, () => view.machines().length === 20);
  assert.ok(changes <= 2, `${changes} changes were applied for 1000 notices`);
  await view.close();
});

Deno.test("a listener that throws keeps no other from hearing", async () => {
  await using db = await testDatabase();
  const { events } = handEvents();
  const view = await createFleetView({
    sql: db.sql,
    events,
    clock: manualClock(START),
    log: silentLog,
  });
  let heard = 0;
  view.subscribe(() => {
    throw new Error("mine");
  });
  view.subscribe(() => heard++);
  await view.refresh();
  assert.equal(heard, 1);
  await view.close();
});
