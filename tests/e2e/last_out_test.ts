/** The last gateway of a host takes its machines along, whatever one that was killed beside it has left behind. */
import assert from "node:assert/strict";
import { hostname } from "node:os";
import type { Sql } from "@/lib/kernel/database.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import {
  chat,
  fleetYaml,
  machineProcesses,
  makeKey,
  simTier,
  startGateway,
  tempDir,
  until,
} from "./support.ts";

const FLEET = fleetYaml(simTier("spot", { flags: ["--startup=weights=0.2"] }));

/** Writes down a gateway of this host whose process has ended, heard of just now. */
async function killedNeighbour(sql: Sql): Promise<void> {
  const child = new Deno.Command("true").spawn();
  await child.status;
  await sql`
    insert into replicas (id, host, pid, version) values ('rep_killed', ${hostname()}, ${child.pid}, '0')`;
}

type Left = { what: string; leave: (sql: Sql) => Promise<unknown>; stopsInOrder: boolean };

const LEFT: readonly Left[] = [
  {
    what: "an open row",
    leave: (sql) =>
      sql`update usage set replica_id = 'rep_killed', closed_at = null, ended = null, status = null`,
    stopsInOrder: true,
  },
  {
    what: "a lease",
    leave: (sql) =>
      sql`update machines set lease_holder = 'rep_killed', lease_until = now() + interval '1 hour'`,
    stopsInOrder: false, // nobody may move it on paper; the engine is ended all the same
  },
];

for (const { what, leave, stopsInOrder } of LEFT) {
  Deno.test(`the last gateway ends its machines in time although a killed neighbour left ${what}`, async () => {
    await using database = await testDatabase();
    await using dir = await tempDir();
    const { sql } = database;
    const { secret } = await makeKey(sql);
    const gateway = await startGateway(FLEET, database.target, dir.path);
    try {
      const answer = await chat(gateway.url, secret, { max_tokens: 2 });
      assert.equal(answer.status, 200);
      await answer.body?.cancel();
      await until("the row is closed", async () => {
        const [row] = await sql<{ closed: boolean }[]>`
          select closed_at is not null as closed from usage`;
        return row?.closed;
      });
      // Nobody looks at a machine that serves and wants nothing, so that what is left here stays.
      await until("no keeper holds the machine", async () => {
        const held = await sql`select id from machines where lease_holder is not null`;
        return held.length === 0;
      });
      await killedNeighbour(sql);
      await leave(sql);
    } finally {
      await gateway.stop();
    }
    const [machine] = await sql<{ id: string }[]>`select id from machines`;
    assert.ok(machine);
    await until("its engine is gone", async () => {
      return (await machineProcesses([machine.id])).get(machine.id)?.length === 0;
    });
    const log = gateway.lines();
    assert.deepEqual(log.filter((line) => line.includes("shutdown.step_late")), []);
    const stops = await sql`select id from operations where kind = 'move' and act = 'stop'`;
    assert.equal(stops.length, stopsInOrder ? 1 : 0);
    const rows = await sql<{ ended: string | null }[]>`select ended from usage`;
    assert.deepEqual(rows.map(({ ended }) => ended), [stopsInOrder ? "interrupted" : "complete"]);
  });
}
