/** A gateway that starts finds what the last one left: a machine half made, and a computer nobody remembers. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { systemClock } from "@/lib/kernel/clock.ts";
import { type Config, ConfigError } from "@/lib/kernel/config.ts";
import type { FleetFile } from "@/lib/kernel/fleet_file.ts";
import { newId } from "@/lib/kernel/ids.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { readJournal } from "@/lib/fleet/journal_store.ts";
import { machineName } from "@/lib/providers/hyperstack/machine_name.ts";
import { type Replica, startReplica } from "@/replica/replica.ts";
import { call, CREATE, MACHINES } from "@/sim/hyperstack/hyperstack_testing.ts";
import { type Bench, bench, fleetOf } from "./creating.ts";
import { makeAndKill } from "./make_and_kill.ts";

const PATIENCE_MS = 30_000;

async function until(what: string, is: () => Promise<boolean>): Promise<void> {
  const deadlineMs = systemClock.elapsedMs() + PATIENCE_MS;
  while (!await is()) {
    assert.ok(systemClock.elapsedMs() < deadlineMs, `never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Starts a gateway as users run it; nothing ticks its minutes. */
async function startOn(
  { api, db }: Bench,
  fleet: FleetFile,
): Promise<{ replica: Replica } & AsyncDisposable> {
  const dataDir = await Deno.makeTempDir({ prefix: "emberlane-start-" });
  const clean = () => Deno.remove(dataDir, { recursive: true });
  const config: Config = {
    ...{ host: "127.0.0.1", port: 0, dataDir, databaseUrl: null, fleetPath: join(dataDir, "f") },
    ...{ fleet, demoKey: null, metricsToken: null, logLevel: "info", replicas: 1 },
  };
  const env = { HYPERSTACK_API_KEY: api.apiKey, ENGINE_KEY: "secret" };
  const ticker = { every() {} };
  const options = { config, log: silentLog, env, database: db.target, ticker };
  const replica = await startReplica(options).catch(async (error) => {
    await clean();
    throw error;
  });
  return {
    replica,
    async [Symbol.asyncDispose]() {
      await replica.shutdown.stop("test over");
      await clean();
    },
  };
}

Deno.test("a gateway that starts takes up a machine half made, and sees an orphan, before any minute ticks", async () => {
  await using at = await bench();
  const { struck: killed } = await makeAndKill(at, "POST /core/virtual-machines done #1");
  assert.ok(killed);
  // The dead one's lease has run out.
  await at.db.sql`update machines set lease_until = '2000-01-01' where lease_holder is not null`;
  const orphan = machineName(at.deploymentId, newId("mac", at.clock.now()));
  await call(at.api, "POST", MACHINES, { ...CREATE, name: orphan });
  const [made, lost] = at.api.control.vms();

  await using _started = await startOn(at, fleetOf(at.api.url));
  await until("the half-made machine is known and loads", async () => {
    const [row] = await at.db.sql`
        select place, external_id as "externalId" from machines where id = ${at.machineId}
      `;
    return row?.["place"] === "loading" && row["externalId"] === String(made?.id);
  });
  await until(
    "the orphan is journalled",
    async () =>
      (await readJournal(at.db.sql, { limit: 100 })).some(({ because, detail }) =>
        because === "orphan seen" && detail["externalId"] === String(lost?.id)
      ),
  );
  assert.equal(at.api.control.vms().length, 2);
});

Deno.test("a gateway does not start on a flavor that cannot hibernate where it should, and rents nothing", async () => {
  await using at = await bench();
  const rented = { environment: "default-US-1", flavor: "n3-H100-SXM5x8" };
  await assert.rejects(startOn(at, fleetOf(at.api.url, rented)), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /lineup\.0\.hyperstack\.flavor: "?n3-H100-SXM5x8/);
    return true;
  });
  assert.equal(at.api.control.vms().length, 0);
});
