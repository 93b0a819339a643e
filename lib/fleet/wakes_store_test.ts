import assert from "node:assert/strict";
import { type Instant, instant, later, millis, minutes, seconds } from "@/lib/kernel/clock.ts";
import { openDatabase, type Sql } from "@/lib/kernel/database.ts";
import { newId } from "@/lib/kernel/ids.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { etaOf, phaseTimesOf } from "./eta_store.ts";
import type { Place } from "./place.ts";
import { addMachine, START } from "./stores_testing.ts";
import {
  askWake,
  expireWakes,
  recentWakes,
  stampFirstToken,
  type WakeAnswer,
  type WakeAsk,
} from "./wakes_store.ts";

const ASK: WakeAsk = { tier: "spot", requestId: "req_1", patience: minutes(5), attempts: 2 };
const READY: Place = { at: "ready", since: START, sickSince: null };

function asked(answer: WakeAnswer) {
  assert.ok(answer.kind === "asked", "it was asked");
  return answer;
}

Deno.test("askWake() wakes no other machine for an asker who has not heard yet that one is ready", async () => {
  await using db = await testDatabase();
  await addMachine(db.sql, { place: READY });
  await addMachine(db.sql, { slot: 1 });
  assert.equal((await askWake(db.sql, { ...ASK, readySeen: 0 }, START)).kind, "ready");
  asked(await askWake(db.sql, { ...ASK, readySeen: 1 }, START));
});

Deno.test("askWake() makes one wake of 50 asks at once, on two replicas", async () => {
  await using db = await testDatabase();
  const machineId = await addMachine(db.sql);
  await addMachine(db.sql, { slot: 1 });
  const replica = openDatabase(db.target, { applicationName: "replica-2", maxConnections: 5 });
  try {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => askWake(i % 2 === 0 ? db.sql : replica, ASK, START)),
    );
    const wakes = await recentWakes(db.sql, { limit: 10 });
    assert.equal(wakes.length, 1);
    assert.equal(answers.filter((answer) => !asked(answer).shared).length, 1);
    for (const answer of answers) {
      const { shared: _shared, ...named } = asked(answer);
      assert.deepEqual(named, { kind: "asked", wakeId: wakes[0]?.id, machineId });
    }
  } finally {
    await replica.end({ timeout: 1 });
  }
});

Deno.test("askWake() writes the wake down with the place it began at and its deadline", async () => {
  await using db = await testDatabase();
  const machineId = await addMachine(db.sql);
  const { wakeId } = asked(await askWake(db.sql, ASK, START));
  const [wake] = await recentWakes(db.sql, { limit: 1 });
  assert.deepEqual(wake, {
    id: wakeId,
    tier: "spot",
    machineId,
    requestId: "req_1",
    askedAt: START,
    deadline: later(START, minutes(5)),
    fromPlace: "asleep",
    powerAskedAt: null,
    powerOnAt: null,
    addressAt: null,
    portOpenAt: null,
    healthyAt: null,
    firstTokenAt: null,
    endedAt: null,
    outcome: null,
    because: null,
    retryAt: null,
  });
});

Deno.test("askWake() lets a shared wake last as long as its most patient request", async () => {
  await using db = await testDatabase();
  await addMachine(db.sql);
  const first = asked(await askWake(db.sql, ASK, START));
  const then = later(START, minutes(2));
  assert.equal(asked(await askWake(db.sql, ASK, then)).wakeId, first.wakeId);
  await askWake(db.sql, { ...ASK, patience: seconds(1) }, then);
  const [wake] = await recentWakes(db.sql, { limit: 1 });
  assert.equal(wake?.deadline, later(then, minutes(5)));
});

Deno.test("askWake() begins anew at the deadline of a wake that nobody waits for, not a millisecond before", async () => {
  await using db = await testDatabase();
  await addMachine(db.sql);
  const first = asked(await askWake(db.sql, ASK, START));
  const short = { ...ASK, patience: millis(1) };
  const last = instant(later(START, minutes(5)) - 1);
  assert.equal(asked(await askWake(db.sql, short, last)).wakeId, first.wakeId);
  const next = asked(await askWake(db.sql, ASK, later(START, minutes(5))));
  assert.notEqual(next.wakeId, first.wakeId);
  assert.equal(next.shared, false);
  const wakes = await recentWakes(db.sql, { limit: 10 });
  assert.deepEqual(wakes.map((wake) => wake.outcome), [null, "expired"]);
});

Deno.test("askWake() says why no machine can be woken, and when one may be", async () => {
  await using db = await testDatabase();
  assert.deepEqual(await askWake(db.sql, ASK, START), {
    kind: "unavailable",
    retryAt: null,
    because: "the tier has no machines",
  });
  const retryAt = later(START, seconds(40));
  await addMachine(db.sql, { place: { at: "failed", retryAt }, failures: 2 });
  const answer = await askWake(db.sql, ASK, START);
  assert.ok(answer.kind === "unavailable");
  assert.equal(answer.retryAt, retryAt);
  assert.equal((await askWake(db.sql, ASK, retryAt)).kind, "asked");
});

Deno.test("askWake() passes over machines that serve, are retired, or belong to another tier", async () => {
  await using db = await testDatabase();
  await addMachine(db.sql, { slot: 0, place: READY });
  await addMachine(db.sql, { slot: 1, retired: true });
  await addMachine(db.sql, { slot: 0, tier: "other" });
  const chosen = await addMachine(db.sql, { slot: 2 });
  assert.equal(asked(await askWake(db.sql, ASK, START)).machineId, chosen);
});

Deno.test("expireWakes() ends wakes at their deadline, and stampFirstToken() keeps the first time", async () => {
  await using db = await testDatabase();
  await addMachine(db.sql);
  const { wakeId } = asked(await askWake(db.sql, ASK, START));
  const deadline = later(START, minutes(5));
  assert.equal(await expireWakes(db.sql, instant(deadline - 1)), 0);
  assert.equal(await expireWakes(db.sql, deadline), 1);
  assert.equal(await expireWakes(db.sql, deadline), 0);
  await stampFirstToken(db.sql, wakeId, later(START, seconds(7)));
  await stampFirstToken(db.sql, wakeId, later(START, seconds(9)));
  const [wake] = await recentWakes(db.sql, { tier: "spot", limit: 1 });
  assert.deepEqual([wake?.outcome, wake?.firstTokenAt], ["expired", later(START, seconds(7))]);
  assert.deepEqual(await recentWakes(db.sql, { tier: "other", limit: 1 }), []);
});

async function addServed(
  sql: Sql,
  machineId: string,
  { tier = "spot", from = "asleep", askedAt = START, tookS }: {
    tier?: string;
    from?: string;
    askedAt?: Instant;
    tookS: number;
  },
): Promise<void> {
  const healthyAt = new Date(askedAt + tookS * 1_000);
  await sql`
    insert into wakes (
      id, tier, machine_id, asked_at, deadline, from_place, power_on_at, healthy_at, ended_at, outcome
    ) values (
      ${newId("wak", askedAt)}, ${tier}, ${machineId}, ${new Date(askedAt)}, ${new Date(
    askedAt + 600_000,
  )}, ${from},
      ${new Date(askedAt + 1_000)}, ${healthyAt}, ${healthyAt}, 'served'
    )
  `;
}

Deno.test("etaOf() takes the percentiles of this tier's own wakes from the same place, of the last 30 days", async () => {
  await using db = await testDatabase();
  const id = await addMachine(db.sql);
  assert.equal(await etaOf(db.sql, "spot", "asleep", START), null);
  for (const tookS of [10, 20, 30, 40, 50]) await addServed(db.sql, id, { tookS });
  await addServed(db.sql, id, { tookS: 5_000, from: "absent" });
  await addServed(db.sql, id, { tookS: 5_000, tier: "other" });
  const monthAgo = later(START, millis(-30 * 86_400_000));
  await addServed(db.sql, id, { tookS: 5_000, askedAt: monthAgo });
  const times = await etaOf(db.sql, "spot", "asleep", START);
  assert.deepEqual(times, { p50S: 30, p95S: 48, samples: 5 });
});

Deno.test("etaOf() rests on the last 200 wakes", async () => {
  await using db = await testDatabase();
  const id = await addMachine(db.sql);
  for (let i = 0; i < 201; i++) {
    await addServed(db.sql, id, { askedAt: later(START, seconds(i)), tookS: i === 0 ? 9_999 : 10 });
  }
  const now = later(START, minutes(60));
  assert.deepEqual(await etaOf(db.sql, "spot", "asleep", now), {
    p50S: 10,
    p95S: 10,
    samples: 200,
  });
});

Deno.test("phaseTimesOf() times each step since the one before it that was seen", async () => {
  await using db = await testDatabase();
  const id = await addMachine(db.sql);
  await addServed(db.sql, id, { tookS: 31 });
  await addServed(db.sql, id, { tookS: 41 });
  assert.deepEqual((await phaseTimesOf(db.sql, "spot", START)).map((each) => ({ ...each })), [
    { phase: "powerOn", p50S: 1, p95S: 1, samples: 2 },
    { phase: "healthy", p50S: 35, p95S: 39.5, samples: 2 },
  ]);
});
