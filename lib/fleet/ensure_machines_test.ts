import assert from "node:assert/strict";
import { later, minutes, seconds } from "@/lib/kernel/clock.ts";
import { parseFleet } from "@/lib/kernel/config.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import type { Provider, Providers } from "@/lib/providers/provider.ts";
import { ensureMachines } from "./ensure_machines.ts";
import { readJournal } from "./journal_store.ts";
import { addMachine, START } from "./stores_testing.ts";
import { askWake, recentWakes } from "./wakes_store.ts";

/** A lineup of local tiers: name → machines. */
function lineupOf(tiers: Record<string, number>, idle = "15m") {
  const lineup = Object.entries(tiers).map(([name, machines]) => ({
    name,
    provider: "local",
    band: "spot",
    machines,
    idle,
    serves: { m: "m" },
    local: { command: ["serve", "--token=secret"], env: { TOKEN: "secret" } },
  }));
  const models = [{ id: "m", name: "M", vendor: "V", kind: "chat", context_tokens: 1_000 }];
  return parseFleet(JSON.stringify({ models, lineup })).lineup;
}

function providersThat(creates: boolean): Providers {
  const provider: Pick<Provider, "name" | "capabilities"> = {
    name: "local",
    capabilities: {
      rest: "asleep",
      creates,
      starts: true,
      restBilling: "none",
      billing: { usageSnapshot: false, instanceCost: false },
    },
  };
  return new Map([["local", provider as Provider]]);
}

const ensure = (sql: Sql, tiers: Record<string, number>) =>
  ensureMachines(sql, {
    lineup: lineupOf(tiers),
    providers: providersThat(false),
    now: START,
  });

async function machinesOf(sql: Sql): Promise<string[]> {
  const rows = await sql<{ said: string }[]>`
    select tier || slot || ' ' || place || case when retired_at is null then '' else ' retired' end as said
    from machines order by tier, slot, retired_at
  `;
  return rows.map((row) => row.said);
}

Deno.test("ensureMachines() makes a machine for every slot of the lineup, once", async () => {
  await using db = await testDatabase();
  const first = await ensure(db.sql, { a: 2, b: 1 });
  assert.deepEqual([first.added, first.retired, first.returned], [3, 0, 0]);
  assert.deepEqual(await machinesOf(db.sql), ["a0 asleep", "a1 asleep", "b0 asleep"]);
  const again = await ensure(db.sql, { a: 2, b: 1 });
  assert.deepEqual(again, { added: 0, retired: 0, returned: 0, lineupId: first.lineupId });
});

Deno.test("ensureMachines() begins where no computer exists when its provider rents them", async () => {
  await using db = await testDatabase();
  const lineup = lineupOf({ a: 1 });
  await ensureMachines(db.sql, { lineup, providers: providersThat(true), now: START });
  assert.deepEqual(await machinesOf(db.sql), ["a0 absent"]);
});

Deno.test("ensureMachines() retires what the lineup dropped, ends its wake, and brings it back", async () => {
  await using db = await testDatabase();
  await ensure(db.sql, { a: 2, b: 1 });
  await askWake(db.sql, { tier: "b", requestId: null, patience: minutes(5), attempts: 2 }, START);
  const less = await ensure(db.sql, { a: 1 });
  assert.deepEqual([less.added, less.retired, less.returned], [0, 2, 0]);
  assert.deepEqual(await machinesOf(db.sql), [
    "a0 asleep",
    "a1 asleep retired",
    "b0 asleep retired",
  ]);
  const [wake] = await recentWakes(db.sql, { limit: 1 });
  assert.deepEqual([wake?.outcome, wake?.because], ["failed", "the lineup no longer names it"]);
  const more = await ensure(db.sql, { a: 2 });
  assert.deepEqual([more.added, more.retired, more.returned], [0, 0, 1]);
  assert.deepEqual(await machinesOf(db.sql), ["a0 asleep", "a1 asleep", "b0 asleep retired"]);
});

Deno.test("ensureMachines() replaces a machine whose tier moved to another provider", async () => {
  await using db = await testDatabase();
  await addMachine(db.sql, { tier: "a", provider: "static" });
  const moved = await ensure(db.sql, { a: 1 });
  assert.deepEqual([moved.added, moved.retired], [1, 1]);
  assert.deepEqual((await machinesOf(db.sql)).sort(), ["a0 asleep", "a0 asleep retired"]);
});

Deno.test("ensureMachines() journals what it did", async () => {
  await using db = await testDatabase();
  await ensure(db.sql, { a: 1 });
  await ensure(db.sql, { b: 1 });
  const notes = (await readJournal(db.sql, { limit: 10 })).map(({ tier, because }) =>
    `${tier}: ${because}`
  );
  assert.deepEqual(notes, [
    "a: the lineup names it",
    "a: the lineup no longer names it",
    "b: the lineup names it",
  ]);
});

Deno.test("ensureMachines() keeps each lineup that was in force, without commands and environments", async () => {
  await using db = await testDatabase();
  const first = await ensure(db.sql, { a: 1 });
  const second = await ensureMachines(db.sql, {
    lineup: lineupOf({ a: 1 }, "20m"),
    providers: providersThat(false),
    now: later(START, seconds(30)),
  });
  assert.notEqual(second.lineupId, first.lineupId);
  const now = later(START, minutes(1));
  const back = await ensureMachines(db.sql, {
    lineup: lineupOf({ a: 1 }),
    providers: providersThat(false),
    now,
  });
  assert.notEqual(back.lineupId, first.lineupId, "the same lineup in force again is a new period");
  const rows = await db.sql<{ text: string }[]>`select document::text as text from lineups`;
  assert.equal(rows.length, 3);
  assert.ok(rows.every((row) => !row.text.includes("secret")));
});

Deno.test("ensureMachines() lets replicas that start at once take turns", async () => {
  await using db = await testDatabase();
  const all = await Promise.all(Array.from({ length: 5 }, () => ensure(db.sql, { a: 2 })));
  assert.equal(all.reduce((sum, each) => sum + each.added, 0), 2);
  assert.equal(new Set(all.map((each) => each.lineupId)).size, 1);
});
