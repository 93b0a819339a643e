/** How old an orphan gets: minutes of a simulated account go by, with replicas that die and calls that are lost. */
import assert from "node:assert/strict";
import { type Clock, manualClock, minutes, seconds } from "@/lib/kernel/clock.ts";
import { newId } from "@/lib/kernel/ids.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { createMetrics } from "@/lib/kernel/metrics.ts";
import { type TestDatabase, testDatabase } from "@/lib/kernel/test_database.ts";
import { readDeploymentId } from "@/lib/fleet/deployment_store.ts";
import { machineName } from "@/lib/providers/hyperstack/machine_name.ts";
import { reconciling } from "@/replica/reconciling.ts";
import { seeded } from "@/sim/random.ts";
import { call, CREATE, MACHINES, withKey } from "@/sim/hyperstack/hyperstack_testing.ts";
import { type Hyperstack, startHyperstack } from "@/sim/hyperstack/start_hyperstack.ts";
import { providerAt } from "./creating.ts";

const START_MS = Date.UTC(2026, 10, 21);
/** Seen at the whole round, which comes every five minutes; confirmed and ended a minute later; it takes a moment to go. */
const AGE_MAX = seconds(6 * 60 + 30);
/** With so many minutes lost it is still below ten minutes. */
const LOST_MAX = 3;
const MINUTES = 180;
const SEEDS = [1, 2, 3];

type Account = { readonly api: Hyperstack; readonly clock: ReturnType<typeof manualClock> };

function replicaOf(
  { api, clock }: Account,
  db: TestDatabase,
  deploymentId: string,
  replicaId: string,
) {
  const provider = providerAt(api.url, clock as Clock);
  const stopping = new AbortController();
  const { round } = reconciling({
    ...{ sql: db.sql, clock, log: silentLog, metrics: createMetrics(), deploymentId, replicaId },
    providers: new Map([[provider.name, provider]]),
    poke: () => {},
    signal: stopping.signal,
  });
  return { round, die: () => stopping.abort(), close: () => provider.close() };
}

/** A fault of the provider may befall this call, too: then there is one or there is none. */
async function makeOrphan({ api, clock }: Account, deploymentId: string): Promise<void> {
  const name = machineName(deploymentId, newId("mac", clock.now()));
  await call(api, "POST", MACHINES, { ...CREATE, name }).catch(() => {});
}

/** The account's key, whatever befalls the calls. */
async function withKeyAtLast(api: Hyperstack): Promise<void> {
  const has = async () => {
    const { body } = await call(api, "GET", "/core/keypairs");
    return Array.isArray(body["keypairs"]) && body["keypairs"].length === 1;
  };
  while (!await has().catch(() => false)) await withKey(api).catch(() => {});
}

for (const seed of SEEDS) {
  Deno.test(`an orphan is gone within six and a half minutes and those that were lost (seed ${seed})`, async () => {
    const random = seeded(seed);
    const clock = manualClock(START_MS);
    /** The minutes in which a replica died before it could do anything, or a call failed. */
    const lostMs: number[] = [];
    const log = (line: string) => void (/ with /.test(line) && lostMs.push(clock.now()));
    const faults = { serverErrors: 0.04, lost: 0.04 };
    const api = await startHyperstack({ clock, seed, faults, log });
    const account = { api, clock };
    await using db = await testDatabase();
    try {
      await withKeyAtLast(api);
      const deploymentId = await readDeploymentId(db.sql);
      for (let minute = 0; minute < MINUTES; minute++) {
        if (random() < 0.15 && minute < MINUTES - 20) await makeOrphan(account, deploymentId);
        const replica = replicaOf(account, db, deploymentId, `rep_${minute}`);
        if (random() < 0.05) {
          replica.die();
          lostMs.push(clock.now());
        }
        await replica.round(new Date(clock.now()));
        await replica.close();
        clock.advance(seconds(60));
      }
      const orphans = api.control.vms();
      assert.ok(orphans.length > 10, `only ${orphans.length} orphans`);
      let quiet = 0;
      for (const { createdMs, terminatedMs } of orphans) {
        assert.ok(terminatedMs !== null, "one is still there");
        const lost = new Set(lostMs.filter((ms) => ms >= createdMs && ms <= terminatedMs)).size;
        const ageMs = terminatedMs - createdMs;
        const what = `one was ${ageMs / 60_000} minutes old, with ${lost} lost`;
        assert.ok(ageMs <= AGE_MAX + lost * minutes(1), what);
        if (lost <= LOST_MAX) {
          assert.ok(ageMs < minutes(10), what);
          quiet++;
        }
      }
      assert.ok(quiet > 5 && lostMs.length > 5, "the run tries both");
    } finally {
      await api.close();
    }
  });
}
