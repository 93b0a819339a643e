import assert from "node:assert/strict";
import { later, minutes, seconds } from "@/lib/kernel/clock.ts";
import { newId } from "@/lib/kernel/ids.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { RECENT_WAKES_MAX, wakeHistory } from "./recent_wakes.ts";
import { addMachine, START } from "./stores_testing.ts";

/** A wake whose marks are seconds after its ask. */
async function addWake(
  sql: Sql,
  machineId: string,
  marks: {
    ask?: number;
    power?: number;
    address?: number;
    port?: number;
    healthy?: number;
    token?: number;
  },
  { outcome = "served", agoMin = 1 }: { outcome?: "served" | "failed"; agoMin?: number } = {},
): Promise<void> {
  const asked = later(START, minutes(-agoMin));
  const at = (s: number | undefined) => s === undefined ? null : new Date(later(asked, seconds(s)));
  await sql`
    insert into wakes (
      id, tier, machine_id, asked_at, deadline, from_place, power_asked_at, power_on_at, address_at, port_open_at, healthy_at, first_token_at,
      ended_at, outcome
    ) values (
      ${newId("wak", asked)}, 'spot', ${machineId}, ${new Date(asked)}, ${new Date(
    later(asked, minutes(5)),
  )}, 'asleep',
      ${at(marks.ask)}, ${at(marks.power)}, ${at(marks.address)}, ${at(marks.port)}, ${
    at(marks.healthy)
  }, ${at(marks.token)}, ${at(marks.healthy ?? 1)},
      ${outcome}
    )
  `;
}

Deno.test("wakeHistory() answers each step's percentiles over served wakes, and leaves out steps never seen", async () => {
  await using db = await testDatabase();
  const machine = await addMachine(db.sql);
  await addWake(db.sql, machine, { power: 10, port: 12, healthy: 20 }, { agoMin: 3 });
  await addWake(db.sql, machine, { power: 20, port: 26, healthy: 36 }, { agoMin: 2 });
  await addWake(db.sql, machine, { power: 500 }, { outcome: "failed" });
  const { recent, steps } = await wakeHistory(db.sql, START);
  assert.deepEqual(recent.map((wake) => wake.outcome), ["failed", "served", "served"]);
  const of = (step: string) => steps.find((each) => each.step === step);
  assert.equal(of("power")?.p50S, 15);
  assert.equal(of("boot")?.p50S, 4);
  assert.equal(of("load")?.p50S, 9);
  assert.equal(of("load")?.samples, 2);
  assert.equal(of("whole")?.p50S, 28);
  for (const step of ["ask", "address", "firstToken"]) assert.equal(of(step), undefined);
});

Deno.test("wakeHistory() counts each step from the one before, or from the last that was seen", async () => {
  await using db = await testDatabase();
  const machine = await addMachine(db.sql);
  const marks = { ask: 3, power: 10, address: 11, port: 15, healthy: 20, token: 21 };
  await addWake(db.sql, machine, marks);
  const { steps } = await wakeHistory(db.sql, START);
  assert.deepEqual(Object.fromEntries(steps.map(({ step, p50S }) => [step, p50S])), {
    ...{ ask: 3, power: 7, address: 1, boot: 4, load: 5, firstToken: 1, whole: 20 },
  });
});

Deno.test("wakeHistory() shows a bounded number of wakes and forgets those older than a month in its percentiles", async () => {
  await using db = await testDatabase();
  const machine = await addMachine(db.sql);
  for (let i = 0; i <= RECENT_WAKES_MAX; i++) {
    await addWake(db.sql, machine, { power: 1 }, { agoMin: 31 * 1_440 + i });
  }
  const { recent, steps } = await wakeHistory(db.sql, START);
  assert.equal(recent.length, RECENT_WAKES_MAX);
  assert.equal(steps.length, 0);
});
