/** Bills of a real day against what a provider says of it. */
import assert from "node:assert/strict";
import { type Instant, instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import type { Billing } from "@/lib/providers/billing.ts";
import { ProviderError } from "@/lib/providers/provider.ts";
import { billingProvider, PROVIDER, writeHistory } from "./publication/history_testing.ts";
import { RECONCILE_AFTER, reconcileBills } from "./reconciliation.ts";
import { readReconciled } from "./reconciliation_store.ts";

const MIDNIGHT = Date.parse("2026-11-20T00:00:00Z");
const at = (minutes: number): Instant => instant(MIDNIGHT + minutes * 60_000);
const NOW = instant(MIDNIGHT + RECONCILE_AFTER);
const CENT = 10_000_000n;
const MILL = 1_000_000n;

async function reconcile(sql: Sql, theirs: Partial<Billing>, now = NOW): Promise<void> {
  const providers = new Map([[PROVIDER, billingProvider(PROVIDER, () => null, theirs)]]);
  await reconcileBills({ sql, providers, log: silentLog }, now, new AbortController().signal);
}

Deno.test("reconcileBills() sets the last whole day beside the provider's own, two hours after it and not before, once", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  // From 23:05 on, with the first bill of all as the baseline: the machine is billed for 29 minutes, and stops in the last.
  await writeHistory(sql, { from: at(-55), minutes: 60, gaps: [10, 11] });
  const asked: unknown[] = [];
  const theirs: Partial<Billing> = {
    lastDayCost: () => Promise.resolve(350n * MILL),
    machineHistory: (id, from, to) => {
      asked.push([id, from, to]);
      const minutes = { activeMinutes: 28, hibernatedMinutes: 27, offMinutes: null };
      return Promise.resolve({ billedNanoUsd: 29n * CENT, ...minutes });
    },
  };
  await reconcile(sql, theirs, instant(NOW - 1));
  assert.deepEqual(await readReconciled(sql, 7), []);
  await reconcile(sql, theirs);
  const [day, ...others] = await readReconciled(sql, 7);
  assert.deepEqual(others, []);
  assert.deepEqual(asked, [["vm-1", at(-1440), at(0)]]);
  assert.deepEqual(day, {
    ...{ provider: PROVIDER, day: "2026-11-19", missingMinutes: 1440 - 53 },
    account: {
      ...{ resourceId: "", machineId: null, oursMinutes: null, theirsMinutes: null },
      // 29 minutes of the machine, 54 of the disk up to midnight, and what is not ours: seven nano-dollars a minute.
      ...{ oursNanoUsd: 29n * CENT + 54n * MILL + 54n * 7n, theirsNanoUsd: 350n * MILL },
    },
    machines: [{
      ...{ resourceId: "vm-1", machineId: "mac_1", oursNanoUsd: 29n * CENT },
      ...{ theirsNanoUsd: 29n * CENT, oursMinutes: 28, theirsMinutes: 28 },
    }],
  });
  await reconcile(sql, { lastDayCost: () => Promise.reject(new Error("it is not asked again")) });
  await assert.rejects(sql`delete from reconciliations`, /append-only/);
});

Deno.test("reconcileBills() asks again when the account's answer is missing, and keeps a day whose machine has none", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  const no = () => Promise.reject(new ProviderError("unavailable", PROVIDER, "history", "no"));
  await reconcile(sql, { lastDayCost: () => Promise.resolve(1n) });
  assert.deepEqual(await readReconciled(sql, 7), [], "no bill was read that day");
  await writeHistory(sql, { from: at(-55), minutes: 20 });
  await reconcile(sql, { lastDayCost: no });
  assert.deepEqual(await readReconciled(sql, 7), []);
  await reconcile(sql, { lastDayCost: () => Promise.resolve(1n), machineHistory: no });
  const [day] = await readReconciled(sql, 7);
  assert.equal(day?.account.theirsNanoUsd, 1n);
  assert.deepEqual(day?.machines.map(({ theirsNanoUsd }) => theirsNanoUsd), [null]);
});
