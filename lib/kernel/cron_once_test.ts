/** Tests of cron_once.ts, on a real server. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { runOncePerMinute } from "./cron_once.ts";
import { testDatabase } from "./test_database.ts";

Deno.test("runOncePerMinute() runs the body on one of the replicas that ask at once", async () => {
  await using db = await testDatabase();
  // A test that straddles the half minute sees two minutes; one try later it does not.
  for (let tries = 0;; tries++) {
    const name = `sweep${tries}`;
    let runs = 0;
    const replicas = ["rep_1", "rep_2", "rep_3", "rep_4"];
    const results = await Promise.all(
      replicas.map((replica) =>
        runOncePerMinute(db.sql, name, replica, () => {
          runs++;
          return Promise.resolve();
        })
      ),
    );
    const minutes = await db.sql`select minute from cron_runs where name = ${name}`;
    equal(runs, minutes.length);
    equal(results.filter((won) => won).length, minutes.length);
    if (runs === 1) break;
    if (tries > 1) throw new Error("The body ran on more than one replica");
  }
});

Deno.test("runOncePerMinute() runs again in the next minute, and each name by itself", async () => {
  await using db = await testDatabase();
  const ran: string[] = [];
  const run = (name: string) =>
    runOncePerMinute(db.sql, name, "rep_1", () => {
      ran.push(name);
      return Promise.resolve();
    });
  await run("sweep");
  await run("reconcile");
  await db.sql`update cron_runs set minute = minute - interval '1 minute'`;
  await run("sweep");
  deepEqual(ran, ["sweep", "reconcile", "sweep"]);
});

Deno.test("runOncePerMinute() keeps a day of rows and prunes the older ones of its name", async () => {
  await using db = await testDatabase();
  await db.sql`
    insert into cron_runs (name, minute, replica_id)
    values ('sweep', now() - interval '25 hours', 'old'), ('sweep', now() - interval '23 hours', 'kept'),
      ('other', now() - interval '25 hours', 'others')`;
  await runOncePerMinute(db.sql, "sweep", "new", () => Promise.resolve());
  const rows = await db.sql<{ replica_id: string }[]>`select replica_id from cron_runs order by 1`;
  deepEqual(rows.map((row) => row.replica_id), ["kept", "new", "others"]);
});

Deno.test("runOncePerMinute() passes on what its body throws", async () => {
  await using db = await testDatabase();
  await rejects(
    runOncePerMinute(db.sql, "sweep", "rep_1", () => Promise.reject(new Error("broken"))),
    /broken/,
  );
});
