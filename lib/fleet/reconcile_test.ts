import assert from "node:assert/strict";
import { manualClock, minutes, seconds } from "@/lib/kernel/clock.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { type Provider, ProviderError } from "@/lib/providers/provider.ts";
import { readJournal } from "./journal_store.ts";
import { orphanJournal } from "./orphan_journal.ts";
import { reconcile } from "./reconcile.ts";
import { addMachine } from "./stores_testing.ts";

const NEVER = new AbortController().signal;

/** A provider that rents, with computers that can be taken away by hand. */
function rentals(...externalIds: string[]) {
  const computers = new Map(externalIds.map((id) => [id, "mac_nobody"]));
  const destroyed: string[] = [];
  const state = { listFails: false, destroyFails: false, clings: false };
  const refuse = () => Promise.reject(new Error("not part of this test"));
  const provider: Provider & { list: Provider["list"] } = {
    name: "rented",
    capabilities: {
      rest: "absent",
      creates: true,
      starts: false,
      restBilling: "none",
      billing: { usageSnapshot: false, instanceCost: false },
    },
    status: ({ externalId }) =>
      Promise.resolve({
        power: computers.has(externalId ?? "") ? "on" : "gone",
        rawState: "",
        externalId,
        baseUrl: null,
      }),
    destroy: ({ externalId }) => {
      if (state.destroyFails) {
        return Promise.reject(new ProviderError("unavailable", "rented", "destroy", "down"));
      }
      destroyed.push(externalId ?? "");
      if (!state.clings) computers.delete(externalId ?? "");
      return Promise.resolve();
    },
    list: () =>
      state.listFails
        ? Promise.reject(new ProviderError("unavailable", "rented", "list", "down"))
        : Promise.resolve([...computers].map(([externalId, machineId]) => ({
          externalId,
          machineId,
          rawState: "ACTIVE",
          createdAt: null,
        }))),
    create: refuse,
    start: refuse,
    stop: refuse,
    close: () => Promise.resolve(),
  };
  return { provider, computers, destroyed, state };
}

async function setUp(...externalIds: string[]) {
  const db = await testDatabase();
  const clock = manualClock(Date.now());
  const rented = rentals(...externalIds);
  const looked: string[] = [];
  const round = async () => {
    const { open: _open, ghosts: _ghosts, ...found } = await whole();
    return found;
  };
  const whole = (
    { journal = orphanJournal(db.sql, "rep_1"), ...options }: {
      suspectsOnly?: boolean;
      journal?: ReturnType<typeof orphanJournal>;
    } = {},
  ) =>
    reconcile(
      {
        clock,
        providers: new Map([["rented", rented.provider]]),
        deploymentId: "dep_test",
        log: silentLog,
        journal,
        onGhost: (machineId) => void looked.push(machineId),
      },
      NEVER,
      options,
    );
  const notes = async () =>
    (await readJournal(db.sql, { limit: 50 })).map((entry) =>
      `${entry.because} ${entry.detail["externalId"]}`
    );
  return { db, clock, round, whole, notes, looked, ...rented };
}

Deno.test("reconcile() ends an unknown machine at the second look, and believes it only when it is gone", async () => {
  const { db, clock, round, notes, destroyed, state } = await setUp("ext-lost", "ext-ours");
  await using _db = db;
  await addMachine(db.sql, { provider: "rented", externalId: "ext-ours" });
  assert.deepEqual(await round(), { seen: 1, ended: 0, failed: 0 });
  clock.advance(seconds(59));
  assert.deepEqual(await round(), { seen: 0, ended: 0, failed: 0 });
  assert.deepEqual(destroyed, []);

  clock.advance(seconds(1));
  state.clings = true;
  assert.deepEqual(await round(), { seen: 0, ended: 0, failed: 1 }, "still there");
  clock.advance(seconds(59));
  assert.deepEqual(await round(), { seen: 0, ended: 0, failed: 0 }, "given a minute");
  clock.advance(seconds(1));
  state.clings = false;
  assert.deepEqual(await round(), { seen: 0, ended: 1, failed: 0 });
  assert.deepEqual(await round(), { seen: 0, ended: 0, failed: 0 });
  assert.deepEqual(destroyed, ["ext-lost", "ext-lost"]);
  assert.deepEqual(await notes(), [
    "orphan seen ext-lost",
    "orphan confirmed; asked to end ext-lost",
    "orphan confirmed; asked to end ext-lost",
    "orphan gone ext-lost",
  ]);
});

Deno.test("reconcile() sees at a later look that an orphan is gone, and asks only providers with suspects in between", async () => {
  const { db, clock, whole, notes, computers, state } = await setUp("ext-lost");
  await using _db = db;
  const between = { suspectsOnly: true };
  const nothing = { seen: 0, ended: 0, failed: 0, open: 0, ghosts: 0 };
  assert.deepEqual(await whole(between), nothing, "nobody was suspected yet");
  assert.deepEqual(await whole(), { ...nothing, seen: 1, open: 1 });
  clock.advance(minutes(1));
  state.clings = true;
  assert.deepEqual(await whole(between), { ...nothing, failed: 1, open: 1 });
  computers.delete("ext-lost"); // as one that was DELETING, and then left the list
  assert.deepEqual(await whole(between), { ...nothing, ended: 1 });
  assert.deepEqual((await notes()).at(-1), "orphan gone ext-lost");
  state.listFails = true;
  assert.deepEqual(await whole(between), nothing, "nobody is suspected any more");
});

Deno.test("reconcile() keeps an orphan open that left the list while the provider still knows it", async () => {
  const { db, whole, computers, provider } = await setUp("ext-lost");
  await using _db = db;
  await whole();
  const { list } = provider;
  provider.list = () => Promise.resolve([]);
  assert.equal((await whole()).open, 1);
  provider.list = list;
  computers.delete("ext-lost");
  assert.deepEqual(await whole(), { seen: 0, ended: 1, failed: 0, open: 0, ghosts: 0 });
});

Deno.test("reconcile() spares a machine that the keeper took up while the round ran", async () => {
  const { db, clock, whole, destroyed, notes } = await setUp("ext-a", "ext-b");
  await using _db = db;
  await whole();
  clock.advance(minutes(1));
  // The first one's end is asked for; at that moment the second becomes ours.
  const later = orphanJournal(db.sql, "rep_1").note;
  let taken = false;
  const journal = {
    ...orphanJournal(db.sql, "rep_1"),
    async note(...[entry, now]: Parameters<typeof later>) {
      await later(entry, now);
      if (taken) return;
      taken = true;
      await addMachine(db.sql, { provider: "rented", externalId: "ext-b" });
    },
  };
  await whole({ journal });
  assert.deepEqual(destroyed, ["ext-a"]);
  assert.ok((await notes()).includes("orphan was ours after all ext-b"));
});

Deno.test("reconcile() has the keeper look at machines of ours whose computer is not listed, and concludes nothing", async () => {
  const { db, whole, looked, computers } = await setUp("ext-1");
  await using _db = db;
  const id = await addMachine(db.sql, { provider: "rented", externalId: "ext-1" });
  assert.equal((await whole()).ghosts, 0);
  computers.clear();
  assert.equal((await whole()).ghosts, 1);
  assert.deepEqual(looked, [id]);
  const [row] = await db.sql`select place from machines`;
  assert.equal(row?.["place"], "asleep");
});

Deno.test("reconcile() concludes nothing from a list that fails, and tries a failed destruction again", async () => {
  const { db, clock, round, destroyed, state } = await setUp("ext-lost");
  await using _db = db;
  await round();
  clock.advance(minutes(5));
  state.listFails = true;
  assert.deepEqual(await round(), { seen: 0, ended: 0, failed: 1 });
  state.listFails = false;
  state.destroyFails = true;
  assert.deepEqual(await round(), { seen: 0, ended: 0, failed: 1 });
  state.destroyFails = false;
  clock.advance(minutes(1));
  assert.deepEqual(await round(), { seen: 0, ended: 1, failed: 0 });
  assert.deepEqual(destroyed, ["ext-lost"]);
});

Deno.test("reconcile() spares a machine that turned out to be ours, and looks at it afresh ever after", async () => {
  const { db, clock, round, notes, computers, destroyed } = await setUp("ext-1");
  await using _db = db;
  await round();
  const id = await addMachine(db.sql, { provider: "rented", externalId: "ext-1" });
  clock.advance(minutes(5));
  assert.deepEqual(await round(), { seen: 0, ended: 0, failed: 0 });
  await db.sql`update machines set external_id = null, place = 'absent' where id = ${id}`;
  assert.deepEqual(await round(), { seen: 1, ended: 0, failed: 0 });
  clock.advance(minutes(1));
  assert.deepEqual(await round(), { seen: 0, ended: 1, failed: 0 });
  computers.set("ext-1", "mac_nobody");
  clock.advance(minutes(1));
  assert.deepEqual(await round(), { seen: 1, ended: 0, failed: 0 });
  assert.deepEqual(destroyed, ["ext-1"]);
  assert.equal((await notes())[1], "orphan was ours after all ext-1");
});
