import assert from "node:assert/strict";
import {
  ASK_AGAIN_AFTER,
  ASK_AGAIN_AFTER_MAX,
  askAgainAfter,
  CONFIRM_AFTER,
  ghosts,
  judge,
  type KnownMachine,
  type Suspicion,
} from "./orphans.ts";
import { ago, NOW } from "./decide_testing.ts";

const LISTED = { externalId: "ext-1", machineId: "mac_1", rawState: "ACTIVE", createdAt: null };
const RENTED = { creates: true, suspicion: null };

function known(over: Partial<KnownMachine> = {}): KnownMachine {
  return {
    id: "mac_1",
    provider: "p",
    externalId: "ext-1",
    generation: 4,
    place: "ready",
    ...over,
  };
}

Deno.test("judge() knows a machine by the provider's name, also at rest and under another tag", () => {
  for (const place of ["ready", "asleep", "absent"] as const) {
    assert.deepEqual(judge(LISTED, [known({ place, id: "mac_2" })], RENTED, NOW), { kind: "ours" });
  }
});

Deno.test("judge() knows a machine by its tag until its name is known, unless it should not exist", () => {
  const creating = known({ externalId: null, place: "creating" });
  assert.deepEqual(judge(LISTED, [creating], RENTED, NOW), { kind: "ours" });
  const absent = known({ externalId: null, place: "absent" });
  assert.deepEqual(judge(LISTED, [absent], RENTED, NOW), { kind: "seen" });
  assert.deepEqual(judge({ ...LISTED, machineId: null }, [creating], RENTED, NOW), {
    kind: "seen",
  });
});

Deno.test("judge() takes the second computer of one machine for an orphan, but not a process under a new name", () => {
  const other = known({ externalId: "ext-2" });
  assert.deepEqual(judge(LISTED, [other], RENTED, NOW), { kind: "seen" });
  assert.deepEqual(judge(LISTED, [other], { ...RENTED, creates: false }, NOW), { kind: "ours" });
});

Deno.test("judge() confirms an orphan a minute after it was first seen, not a millisecond before", () => {
  const seenAt = (firstSeenAt: Suspicion["firstSeenAt"]) => ({
    creates: true,
    suspicion: { firstSeenAt, asks: 0, lastAskedAt: null, machineId: null },
  });
  assert.deepEqual(judge(LISTED, [], RENTED, NOW), { kind: "seen" });
  assert.deepEqual(judge(LISTED, [], seenAt(ago(CONFIRM_AFTER - 1)), NOW), { kind: "watched" });
  assert.deepEqual(judge(LISTED, [], seenAt(ago(CONFIRM_AFTER)), NOW), { kind: "orphan", ask: 1 });
});

Deno.test("judge() asks an orphan again when it is still there, each minute, then ever more rarely, at least each hour", () => {
  const asked = (asks: number, agoMs: number) => ({
    creates: true,
    suspicion: {
      ...{ firstSeenAt: ago(86_400_000), asks, lastAskedAt: ago(agoMs), machineId: null },
    },
  });
  for (
    const [asks, waitMs] of [[1, 60_000], [5, 60_000], [6, 120_000], [7, 240_000], [
      30,
      3_600_000,
    ]] as const
  ) {
    assert.equal(askAgainAfter(asks), waitMs);
    assert.deepEqual(judge(LISTED, [], asked(asks, waitMs - 1), NOW), { kind: "watched" });
    assert.deepEqual(judge(LISTED, [], asked(asks, waitMs), NOW), {
      kind: "orphan",
      ask: asks + 1,
    });
  }
  assert.equal(askAgainAfter(1), ASK_AGAIN_AFTER);
  assert.equal(askAgainAfter(1_000), ASK_AGAIN_AFTER_MAX);
  assert.deepEqual(judge(LISTED, [known()], asked(3, 3_600_000), NOW), { kind: "ours" });
});

Deno.test("ghosts() are our machines whose computer a whole list does not have", () => {
  const there = known();
  const gone = known({ id: "mac_2", externalId: "ext-2" });
  const unnamed = known({ id: "mac_3", externalId: null, place: "creating" });
  const absent = known({ id: "mac_4", externalId: "ext-4", place: "absent" });
  assert.deepEqual(ghosts([LISTED], [there, gone, unnamed, absent]), [gone]);
  assert.deepEqual(ghosts([], [there]), [there]);
});
