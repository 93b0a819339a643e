import assert from "node:assert/strict";
import { instant, later, seconds } from "@/lib/kernel/clock.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { note, readJournal } from "./journal_store.ts";
import { addMachine, START } from "./stores_testing.ts";

Deno.test("readJournal() answers in the order of writing, also within one millisecond", async () => {
  await using db = await testDatabase();
  const written = [];
  for (let i = 0; i < 20; i++) written.push(await note(db.sql, { because: `note ${i}` }, START));
  const ids = (entries: { id: string }[]) => entries.map((entry) => entry.id);
  assert.deepEqual(ids(await readJournal(db.sql, { limit: 100 })), written);
  assert.deepEqual(ids(await readJournal(db.sql, { limit: 3 })), written.slice(-3), "the newest");
  const after = await readJournal(db.sql, { limit: 3, afterId: written[4] ?? "" });
  assert.deepEqual(ids(after), written.slice(5, 8), "the next ones");
  assert.deepEqual(await readJournal(db.sql, { limit: 3, afterId: "opr_none" }), []);
});

Deno.test("readJournal() filters by tier, machine and time", async () => {
  await using db = await testDatabase();
  const machineId = await addMachine(db.sql);
  await note(db.sql, { because: "of a machine", machineId, tier: "spot" }, START);
  await note(db.sql, { because: "of a tier", tier: "other" }, later(START, seconds(1)));
  await note(db.sql, { because: "of the fleet" }, later(START, seconds(2)));
  const read = async (filter: Partial<Parameters<typeof readJournal>[1]>) =>
    (await readJournal(db.sql, { limit: 10, ...filter })).map((entry) => entry.because);
  assert.deepEqual(await read({ tier: "other" }), ["of a tier"]);
  assert.deepEqual(await read({ machineId }), ["of a machine"]);
  assert.deepEqual(await read({ since: later(START, seconds(1)) }), ["of a tier", "of the fleet"]);
  assert.deepEqual(await read({ since: instant(START + 1_001) }), ["of the fleet"]);
});

Deno.test("note() keeps its detail and who wrote it", async () => {
  await using db = await testDatabase();
  const id = await note(db.sql, {
    because: "seen",
    detail: { provider: "local", count: 2, sure: false, tagged: null },
    replicaId: "rep_1",
  }, START);
  assert.deepEqual(await readJournal(db.sql, { limit: 1 }), [{
    id,
    kind: "note",
    at: START,
    tier: null,
    machineId: null,
    because: "seen",
    detail: { provider: "local", count: 2, sure: false, tagged: null },
    replicaId: "rep_1",
  }]);
});
