import assert from "node:assert/strict";
import { instant } from "@/lib/kernel/clock.ts";
import { CONFIRM_AFTER, judge, type KnownMachine } from "./orphans.ts";
import { ago, NOW } from "./decide_testing.ts";

const LISTED = { externalId: "ext-1", machineId: "mac_1", rawState: "ACTIVE", createdAt: null };
const RENTED = { creates: true, firstSeenAt: null };

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
  const seenAt = (firstSeenAt: ReturnType<typeof instant>) => ({ creates: true, firstSeenAt });
  assert.deepEqual(judge(LISTED, [], RENTED, NOW), { kind: "seen" });
  assert.deepEqual(judge(LISTED, [], seenAt(ago(CONFIRM_AFTER - 1)), NOW), { kind: "watched" });
  assert.deepEqual(judge(LISTED, [], seenAt(ago(CONFIRM_AFTER)), NOW), { kind: "orphan" });
});
