/** Tests of turns.ts: the limit is kept by all together, and a refusal of the provider is heard by all. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { instant, manualClock, millis, minutes, seconds } from "@/lib/kernel/clock.ts";
import { openDatabase } from "@/lib/kernel/database.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { ProviderError } from "./provider.ts";
import { type Bucket, HOLD_MAX, ownTurns, sharedTurns, takeTurn, turnLimit } from "./turns.ts";

/** Null when a turn was taken, else the wait in ms. */
async function waitOf(take: Promise<void>): Promise<number | null> {
  try {
    await take;
    return null;
  } catch (error) {
    assert.ok(error instanceof ProviderError && error.kind === "rate-limited", String(error));
    return error.options.retryAfterMs ?? assert.fail("it does not say how long");
  }
}

Deno.test("takeTurn() lets no more than the limit pass in any minute, however calls come", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 500 }),
      fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 800 }),
      (perMinute, gapsMs) => {
        let bucket: Bucket | null = null;
        let nowMs = 1_700_000_000_000;
        const passedMs: number[] = [];
        for (const gapMs of gapsMs) {
          nowMs += gapMs;
          const turn = takeTurn(bucket, turnLimit(perMinute), instant(nowMs));
          if (turn.kind === "wait") {
            assert.ok(turn.span > 0);
            const after = takeTurn(bucket, turnLimit(perMinute), instant(nowMs + turn.span));
            assert.equal(after.kind, "taken", "the wait it named was too short");
            continue;
          }
          bucket = turn.bucket;
          passedMs.push(nowMs);
        }
        passedMs.forEach((fromMs, i) => {
          const within = passedMs.slice(i).filter((ms) => ms < fromMs + 60_000).length;
          assert.ok(within <= perMinute, `${within} of ${perMinute}`);
        });
      },
    ),
  );
});

Deno.test("takeTurn() waits out a hold to the millisecond, and ignores one that a clock set back made endless", () => {
  const limit = turnLimit(100);
  const now = instant(1_700_000_000_000);
  const held = (ms: number) => ({ credit: 60_000, asOf: now, heldUntil: instant(now + ms) });
  assert.deepEqual(takeTurn(held(1), limit, now), { kind: "wait", span: 1 });
  assert.equal(takeTurn(held(0), limit, now).kind, "taken");
  assert.equal(takeTurn(held(HOLD_MAX), limit, now).kind, "wait");
  assert.equal(takeTurn(held(HOLD_MAX + 1), limit, now).kind, "taken");
  const future = { credit: 60_000, asOf: instant(now + 3_600_000), heldUntil: null };
  const turn = takeTurn(future, limit, now);
  assert.ok(turn.kind === "taken" && turn.bucket.asOf === now, "it fills from now on");
});

Deno.test("sharedTurns() of several replicas keep one limit, and decide as ownTurns() does", async () => {
  await using db = await testDatabase();
  const clock = manualClock();
  const own = ownTurns("p", 12, clock);
  let asked = 0;
  let refused = 0;
  for (let round = 0; round < 120; round++) {
    // Each a replica of its own: what one remembers of a refusal must not hide what the others may do.
    const turns = sharedTurns(db.sql, "p", 12, clock);
    const [ours, theirs] = [await waitOf(own.take("x")), await waitOf(turns.take("x"))];
    assert.equal(theirs, ours, `round ${round}`);
    asked++;
    if (ours !== null) refused++;
    if (round === 60) { for (const each of [own, turns]) await each.hold(seconds(20)); }
    clock.advance(millis(round * 97 % 4_001));
  }
  assert.ok(refused > 20 && asked - refused > 20, `${refused} of ${asked}`);
  assert.equal(await waitOf(sharedTurns(db.sql, "another", 12, clock).take("x")), null);
});

Deno.test("sharedTurns() hand out no turn twice to replicas that ask at once", async () => {
  await using db = await testDatabase();
  const clock = manualClock();
  const pools = [1, 2, 3].map((n) =>
    openDatabase(db.target, { applicationName: `turns ${n}`, maxConnections: 4 })
  );
  try {
    const waits = await Promise.all(
      Array.from({ length: 60 }, (_, i) => {
        const sql = pools[i % pools.length] ?? assert.fail();
        return waitOf(sharedTurns(sql, "p", 40, clock).take("x"));
      }),
    );
    assert.equal(waits.filter((wait) => wait === null).length, turnLimit(40).burst);
  } finally {
    for (const sql of pools) await sql.end({ timeout: 1 });
  }
});

Deno.test("a hold of one replica holds all, the longest one counts, and a refused one asks the database no more", async () => {
  await using db = await testDatabase();
  const clock = manualClock();
  const [one, two] = [1, 2].map(() => sharedTurns(db.sql, "p", 100, clock));
  assert.ok(one !== undefined && two !== undefined);
  await one.hold(minutes(1));
  await two.hold(seconds(10));
  assert.equal(await waitOf(two.take("x")), 60_000);
  await db.sql`drop table provider_turns`;
  assert.equal(await waitOf(two.take("x")), 60_000, "remembered");
  clock.advance(minutes(1));
  await assert.rejects(
    two.take("x"),
    (error) => error instanceof ProviderError && error.kind === "unavailable",
  );
});
