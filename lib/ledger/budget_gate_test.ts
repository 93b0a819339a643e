/** Tests of budget_gate.ts and budget_store.ts. */
import assert from "node:assert/strict";
import { instant, later, millis, minutes } from "@/lib/kernel/clock.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { gateOf, type ProviderSpending } from "./budget_gate.ts";
import { readSpending } from "./budget_store.ts";

const NOW = instant(Date.parse("2026-11-21T23:00:00Z"));
const LIMITS = { staleAfter: minutes(5), budget: 10_000_000_000n };
const spending = (ageMs: number | null, spentToday = 0n): ProviderSpending => ({
  provider: "p",
  lastReadAt: ageMs === null ? null : later(NOW, millis(-ageMs)),
  spentToday,
});

Deno.test("gateOf() is closed until a bill was read, and once it is older than the limit, not at it", () => {
  assert.equal(gateOf(spending(300_000), LIMITS, NOW).kind, "open");
  for (const age of [null, 300_001]) {
    const gate = gateOf(spending(age), LIMITS, NOW);
    assert.ok(gate.kind === "closed" && gate.code === "billing_unobservable", String(age));
  }
});

Deno.test("gateOf() closes when the day's budget is reached, until midnight", () => {
  assert.equal(gateOf(spending(0, 9_999_999_999n), LIMITS, NOW).kind, "open");
  const gate = gateOf(spending(0, 10_000_000_000n), LIMITS, NOW);
  assert.deepEqual(gate.kind === "closed" && [gate.code, gate.retryAfterS], [
    "insufficient_quota",
    3_600,
  ]);
  assert.equal(gateOf(spending(0, 1n << 60n), { ...LIMITS, budget: null }, NOW).kind, "open");
});

Deno.test("readSpending() sums today's money of our machines, and knows who was never read", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  await sql`insert into machines (id, tier, slot, provider, place) values ('mac_1', 't', 0, 'p', 'asleep')`;
  const row = async (minute: Date, machine: string | null, nano: number) => {
    await sql`
      insert into billing_snapshots (provider, minute, outcome, raw, replica_id)
      values ('p', ${minute}, 'read', '{}', 'rep_1') on conflict do nothing
    `;
    const id = `${machine} ${nano}`;
    await sql`
      insert into billing_readings (
        provider, minute, resource_id, resource_created_at, kind, name, rate_nano_usd_per_minute, total_nano_usd, active
      ) values ('p', ${minute}, ${id}, '-infinity', 'machine', 'n', 0, 0, true)
    `;
    await sql`
      insert into spend (provider, minute, resource_id, resource_created_at, machine_id, use, nano_usd)
      values ('p', ${minute}, ${id}, '-infinity', ${machine}, 'idle', ${nano})
    `;
  };
  const [{ midnight } = { midnight: new Date() }] = await sql<{ midnight: Date }[]>`
    select date_trunc('day', now(), 'UTC') as midnight
  `;
  await row(new Date(midnight.getTime() - 60_000), "mac_1", 1_000);
  await row(midnight, "mac_1", 20);
  await row(midnight, null, 300);
  const [never, seen] = await readSpending(sql, ["never", "p"]);
  assert.deepEqual([never?.lastReadAt, never?.spentToday], [null, 0n]);
  assert.ok(seen?.lastReadAt !== null);
  assert.equal(seen?.spentToday, 20n);
});
