import assert from "node:assert/strict";
import { manualClock } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import {
  beat,
  endReplica,
  HEARTBEAT_EVERY,
  liveReplicas,
  registerReplica,
  type Replica,
  startHeartbeat,
} from "./replicas_store.ts";

const LEVEL_MS_MAX = 10_000;

const replica = (id: string): Replica => ({ id, host: "host", pid: 42, version: "1.0.0" });
const liveIds = async (sql: Sql) => (await liveReplicas(sql)).map((each) => each.id);
const silentFor = (sql: Sql, id: string, seconds: number) =>
  sql`update replicas set seen_at = now() - ${seconds} * interval '1 second' where id = ${id}`;

Deno.test("liveReplicas() lists those heard of within ten seconds of database time", async () => {
  await using db = await testDatabase();
  for (const id of ["rep_1", "rep_2", "rep_3"]) await registerReplica(db.sql, replica(id));
  await silentFor(db.sql, "rep_1", 9);
  await silentFor(db.sql, "rep_2", 11);
  await endReplica(db.sql, "rep_3");
  assert.deepEqual(await liveIds(db.sql), ["rep_1"]);
  const [first] = await liveReplicas(db.sql);
  assert.deepEqual([first?.host, first?.pid, first?.version], ["host", 42, "1.0.0"]);
});

Deno.test("beat() brings a silent replica back, but not one that was ended or never registered", async () => {
  await using db = await testDatabase();
  await registerReplica(db.sql, replica("rep_1"));
  await silentFor(db.sql, "rep_1", 60);
  assert.equal(await beat(db.sql, "rep_1"), true);
  assert.deepEqual(await liveIds(db.sql), ["rep_1"]);
  await endReplica(db.sql, "rep_1");
  assert.equal(await beat(db.sql, "rep_1"), false);
  assert.equal(await beat(db.sql, "rep_none"), false);
  await registerReplica(db.sql, replica("rep_1"));
  assert.deepEqual(await liveIds(db.sql), ["rep_1"]);
});

Deno.test("startHeartbeat() beats every two seconds, returns after it was taken for ended, and ends in order", async () => {
  await using db = await testDatabase();
  const clock = manualClock();
  const heart = await startHeartbeat({ sql: db.sql, clock, log: silentLog }, replica("rep_1"));
  await silentFor(db.sql, "rep_1", 60);
  await endReplica(db.sql, "rep_1");
  await level(async () => {
    clock.advance(HEARTBEAT_EVERY);
    return (await liveIds(db.sql)).length === 1;
  });
  await heart.stop();
  assert.deepEqual(await liveIds(db.sql), []);
});

/** Waits until `holds`, at most so long. */
async function level(holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + LEVEL_MS_MAX;
  while (performance.now() < endMs) if (await holds()) return;
  assert.fail("it never came to hold");
}
