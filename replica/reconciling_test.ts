/** Tests of reconciling.ts: when a whole round is due, and the gauge of who makes none. */
import assert from "node:assert/strict";
import { instant, manualClock, minutes } from "@/lib/kernel/clock.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { createMetrics } from "@/lib/kernel/metrics.ts";
import { type TestDatabase, testDatabase } from "@/lib/kernel/test_database.ts";
import {
  ORPHAN_GONE,
  ORPHAN_SEEN,
  type OrphanJournal,
  orphanJournal,
} from "@/lib/fleet/orphan_journal.ts";
import type { Provider } from "@/lib/providers/provider.ts";
import { reconciling } from "./reconciling.ts";

const START_MS = Date.UTC(2026, 10, 21);
const PATIENCE_ROUNDS = 500;

function setUp(db: TestDatabase) {
  const clock = manualClock(START_MS);
  const state = { lists: 0, fails: false };
  const refuse = () => Promise.reject(new Error("not part of this test"));
  const provider: Provider = {
    name: "rented",
    capabilities: {
      ...{ rest: "absent", creates: true, starts: false, restBilling: "none" },
      billing: { usageSnapshot: false, instanceCost: false },
    },
    list() {
      state.lists++;
      return state.fails ? refuse() : Promise.resolve([]);
    },
    ...{ status: refuse, create: refuse, start: refuse, stop: refuse, destroy: refuse },
    close: () => Promise.resolve(),
  };
  const metrics = createMetrics();
  const stopping = new AbortController();
  const desk = reconciling({
    ...{ sql: db.sql, deploymentId: "dep_test", replicaId: "rep_1", clock, log: silentLog },
    ...{ providers: new Map([["rented", provider]]), poke: () => {}, metrics },
    signal: stopping.signal,
  });
  const tick = async () => {
    await desk.round(new Date(clock.now()));
    clock.advance(minutes(1));
    return state.lists;
  };
  return { clock, state, desk, tick, metrics, stop: () => stopping.abort() };
}

Deno.test("a whole round is due every five minutes, and at the next minute after one that failed", async () => {
  await using db = await testDatabase();
  const { state, tick } = setUp(db);
  const counts = [];
  for (let minute = 0; minute <= 5; minute++) counts.push(await tick());
  assert.deepEqual(counts, [1, 1, 1, 1, 1, 2]);
  state.fails = true;
  for (let minute = 6; minute <= 11; minute++) await tick();
  assert.equal(state.lists, 4, "10 and 11 tried in vain");
  state.fails = false;
  assert.deepEqual([await tick(), await tick()], [5, 5]);
  // A clock that was set forward and back again does not put the next round off.
  await db.sql`update cron_runs set minute = minute + interval '1 day' where name = 'reconciled'`;
  assert.equal(await tick(), 6);
});

Deno.test("the gauge of orphans follows the journal on a replica that makes no round", async () => {
  await using db = await testDatabase();
  const { clock, desk, metrics, stop } = setUp(db);
  const journal: OrphanJournal = orphanJournal(db.sql, "rep_2");
  const detail = { provider: "rented", externalId: "ext-1", tagged: null, rawState: "ACTIVE" };
  const note = (because: string) => journal.note({ because, detail }, instant(clock.now()));
  /** A minute at a time, until it says so. */
  const shows = async (count: number) => {
    for (let round = 0; round < PATIENCE_ROUNDS && metrics.orphans.value !== count; round++) {
      clock.advance(minutes(1));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal(metrics.orphans.value, count);
  };
  desk.begin();
  try {
    await shows(0);
    await note(ORPHAN_SEEN);
    await shows(1);
    await note(ORPHAN_GONE);
    await shows(0);
  } finally {
    stop();
  }
});
