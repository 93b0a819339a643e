/** A simulated Hyperstack day, billed minute by minute, beside the account's own figures: they meet to the nano-dollar. */
import assert from "node:assert/strict";
import { manualClock, minutes } from "@/lib/kernel/clock.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { snapshotTaker } from "@/lib/ledger/billing_snapshots.ts";
import { RECONCILE_AFTER, reconcileBills } from "@/lib/ledger/reconciliation.ts";
import { readReconciled } from "@/lib/ledger/reconciliation_store.ts";
import { openBilling } from "@/lib/providers/hyperstack/billing.ts";
import { openClient } from "@/lib/providers/hyperstack/client.ts";
import type { Provider } from "@/lib/providers/provider.ts";
import { ownTurns } from "@/lib/providers/turns.ts";
import { call, CREATE, MACHINES, withKey } from "@/sim/hyperstack/hyperstack_testing.ts";
import { startHyperstack } from "@/sim/hyperstack/start_hyperstack.ts";

const MIDNIGHT = Date.UTC(2026, 10, 20);
const PER_MINUTE = 100_000;
const BEFORE = 50;

Deno.test("a simulated Hyperstack's day comes to the same by our snapshots and by its own figures", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  const clock = manualClock(MIDNIGHT - BEFORE * 60_000);
  const account = await startHyperstack({ clock });
  try {
    await withKey(account);
    const { url: baseUrl, apiKey } = account;
    const turns = ownTurns("hyperstack", PER_MINUTE, clock);
    const provider: Partial<Provider> = {
      name: "hyperstack",
      billing: openBilling(openClient({ baseUrl, apiKey, clock, turns })),
    };
    const providers = new Map([["hyperstack", provider as Provider]]); // a ledger asks nothing else of it
    const { signal } = new AbortController();
    const take = await snapshotTaker({ sql, providers, clock, log: silentLog, replicaId: "rep_1" });
    const minute = async (act: string | null) => {
      await take(new Date(clock.now()), signal);
      if (act !== null) {
        assert.equal((await call(account, "GET", `${MACHINES}/${act}`)).status, 200);
      }
      clock.advance(minutes(1));
    };
    await minute(null);
    assert.equal((await call(account, "POST", MACHINES, CREATE)).status, 200);
    const id = String(account.control.vms()[0]?.id);
    await sql`
      insert into machines (id, tier, slot, provider, external_id, place)
      values ('mac_1', 'h100', 0, 'hyperstack', ${id}, 'asleep')
    `;
    await sql`
      insert into operations (id, at, kind, machine_id, tier, generation, from_place, to_place, because)
      values
        ('opr_1', ${new Date(clock.now())}, 'move', 'mac_1', 'h100', 1, 'absent', 'ready', 't'),
        ('opr_2', ${new Date(
      clock.now() + 30 * 60_000,
    )}, 'move', 'mac_1', 'h100', 2, 'ready', 'asleep', 't')
    `;
    for (let at = 1; at < BEFORE + 5; at++) {
      await minute(at === 31 ? `${id}/hibernate?retain_ip=true` : null);
    }
    clock.advance(RECONCILE_AFTER);
    await reconcileBills({ sql, providers, log: silentLog }, clock.now(), signal);
    const [day] = await readReconciled(sql, 7);
    assert.equal(day?.day, "2026-11-19");
    assert.ok((day?.account.oursNanoUsd ?? 0n) > 1_000_000_000n, "half an hour of an H100");
    assert.equal(day?.account.oursNanoUsd, day?.account.theirsNanoUsd);
    const [machine] = day?.machines ?? [];
    assert.equal(machine?.machineId, "mac_1");
    assert.equal(machine?.oursNanoUsd, machine?.theirsNanoUsd);
    const off = Math.abs((machine?.oursMinutes ?? 0) - (machine?.theirsMinutes ?? NaN));
    assert.ok(
      off <= 5,
      `${machine?.oursMinutes} of our minutes, ${machine?.theirsMinutes} of theirs`,
    );
  } finally {
    await account.close();
  }
});
