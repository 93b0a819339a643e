/** Tests of cron.ts. */
import { deepEqual, equal } from "node:assert/strict";
import { type Log, silentLog } from "@/lib/kernel/log.ts";
import { type TestDatabase, testDatabase } from "@/lib/kernel/test_database.ts";
import { denoTicker, type Schedule, startCron, type Ticker } from "./cron.ts";

/** Ticks by hand: `tick(minute)` runs the lines that are due in that minute of the hour. */
function manualTicker() {
  const lines: { schedule: Schedule; body: () => Promise<void> }[] = [];
  const ticker: Ticker = {
    every: (_name, schedule, body) => void lines.push({ schedule, body }),
  };
  return {
    ticker,
    async tick(minute: number) {
      const due = lines.filter((line) => line.schedule === "* * * * *" || minute === 7);
      await Promise.all(due.map((line) => line.body()));
    },
  };
}

function replica(db: TestDatabase, replicaId: string, ran: string[], log: Log = silentLog) {
  const { ticker, tick } = manualTicker();
  const stopping = new AbortController();
  const body = (name: string) => () => {
    ran.push(name);
    return Promise.resolve();
  };
  startCron({
    sql: db.sql,
    replicaId,
    log,
    ticker,
    signal: stopping.signal,
    lookAtEveryMachine: body(`${replicaId} looks`),
    sweep: body("sweep"),
    bill: body("bill"),
    closeDays: body("close days"),
    rollUp: body("roll up"),
    reconcile: body("reconcile"),
  });
  return { tick, stop: () => stopping.abort() };
}

/** The next minute, as far as the database knows: nobody has claimed it. */
const passMinute = (db: TestDatabase) => db.sql`delete from cron_runs`;

Deno.test("startCron() sweeps and reconciles on one of two replicas, and looks on both", async () => {
  await using db = await testDatabase();
  const ran: string[] = [];
  const replicas = [replica(db, "rep_1", ran), replica(db, "rep_2", ran)];
  // Ticks that straddle the half minute are two minutes; the next try is not.
  for (let tries = 0; tries < 2; tries++) {
    ran.length = 0;
    await db.sql`delete from cron_runs`;
    await Promise.all(replicas.map((each) => each.tick(0)));
    const minutes = await db.sql`select distinct minute from cron_runs`;
    if (minutes.length === 1) break;
  }
  deepEqual(ran.toSorted(), [
    "bill",
    "reconcile",
    "rep_1 looks",
    "rep_2 looks",
    "roll up",
    "sweep",
  ]);
});

Deno.test("startCron() sweeps and reconciles each minute, and closes days once an hour", async () => {
  await using db = await testDatabase();
  const ran: string[] = [];
  const { tick } = replica(db, "rep_1", ran);
  for (let minute = 0; minute <= 10; minute++) {
    await tick(minute);
    await passMinute(db);
  }
  equal(ran.filter((each) => each === "sweep").length, 11);
  equal(ran.filter((each) => each === "reconcile").length, 11);
  equal(ran.filter((each) => each === "close days").length, 1);
});

Deno.test("startCron() looks at every machine even while the database is away, and logs what failed", async () => {
  const db = await testDatabase();
  const ran: string[] = [];
  const failed: unknown[] = [];
  const log = { ...silentLog, error: (_: string, fields = {}) => void failed.push(fields) };
  const { tick } = replica(db, "rep_1", ran, log);
  await db[Symbol.asyncDispose]();
  await tick(0);
  deepEqual(ran, ["rep_1 looks"]);
  equal(failed.length, 4);
});

Deno.test("startCron() runs nothing once the gateway stops", async () => {
  await using db = await testDatabase();
  const ran: string[] = [];
  const { tick, stop } = replica(db, "rep_1", ran);
  stop();
  await tick(0);
  deepEqual(ran, []);
});

Deno.test("denoTicker registers with Deno.cron, and its signal takes the line out again", async () => {
  const register = () => {
    const stopping = new AbortController();
    denoTicker.every(
      "look at every machine",
      "* * * * *",
      () => Promise.resolve(),
      stopping.signal,
    );
    return stopping;
  };
  for (let round = 0; round < 2; round++) {
    const stopping = register();
    stopping.abort();
    await new Promise((resolve) => setTimeout(resolve)); // a name still taken would be refused
  }
});
