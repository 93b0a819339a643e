import assert from "node:assert/strict";
import { instant, later, millis, minutes, seconds, systemClock } from "@/lib/kernel/clock.ts";
import { newId } from "@/lib/kernel/ids.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import type { Claim, Move } from "@/lib/fleet/machine_store.ts";
import { createMachineStore } from "@/lib/fleet/sql_machine_store.ts";
import { addMachine } from "@/lib/fleet/stores_testing.ts";
import { openRows } from "@/lib/ledger/usage_testing.ts";

const ROUNDS = 60;

Deno.test("no request slips in behind a stop: admission and the way into draining take turns", async () => {
  await using db = await testDatabase();
  const store = createMachineStore(db.sql, "rep_1");
  let admitted = 0;
  let stopped = 0;
  for (let slot = 0; slot < ROUNDS; slot++) {
    const now = systemClock.now();
    const id = await addMachine(db.sql, {
      slot,
      place: { at: "ready", since: now, sickSince: null },
    });
    const answer = await store.claim(id, seconds(15));
    assert.ok(answer.kind === "claimed");
    const [held, hasStopped] = await Promise.all([
      admit(id, slot),
      drainAndStop(answer.claim),
    ]);
    if (held) admitted++;
    if (hasStopped) stopped++;
    assert.ok(!(held && hasStopped), `round ${slot}: stopped under a row that was let in`);
    assert.ok(held || hasStopped, `round ${slot}: refused by a machine that was not stopped`);
  }
  assert.equal(admitted + stopped, ROUNDS);

  async function admit(machineId: string, slot: number): Promise<boolean> {
    // Half the rounds give the keeper a head start.
    if (slot % 2 === 0) await db.sql`select 1`;
    const openedAt = instant(systemClock.now());
    const [held] = await openRows(db.sql, [{
      id: newId("req", openedAt),
      openedAt,
      requestId: "request",
      accountId: "acc_1",
      keyId: "key_1",
      replicaId: "rep_1",
      route: "chat",
      modelAsked: "m",
      stream: true,
      admitMs: 0,
      model: "m",
      tier: "spot",
      band: "spot",
      machineId,
      wakeId: null,
      waitMs: 0,
      attempts: 1,
      priceId: null,
    }]);
    return held === true;
  }

  /** As the keeper does it: drain, look who is there, stop. */
  async function drainAndStop(claim: Claim): Promise<boolean> {
    const now = systemClock.now();
    const move = (to: Move["to"], act: Move["act"]): Move => ({
      id: newId("opr", now),
      to,
      act,
      because: "a test",
      failures: 0,
      wake: null,
      forget: false,
      unlessRows: act === "stop",
    });
    const drained = await store.move(
      claim,
      move({ at: "draining", then: "stop", sick: false }, null),
      now,
    );
    assert.ok(drained !== null, "it drains");
    if ((await store.demand(claim.machine.id, now)).openRows > 0) return false;
    const stopping = {
      at: "stopping",
      deadline: later(now, minutes(1)),
      askedAt: later(now, millis(0)),
      failing: false,
    } as const;
    return await store.move({ ...claim, machine: drained }, move(stopping, "stop"), now) !== null;
  }
});
