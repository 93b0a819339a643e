import assert from "node:assert/strict";
import { instant } from "@/lib/kernel/clock.ts";
import { parseFleet } from "@/lib/kernel/config.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { priceOf } from "./price.ts";
import { currentPrices, ensurePrices } from "./prices_store.ts";

const now = instant(Date.UTC(2026, 10, 21));
const fleet = (prices: string) =>
  parseFleet(`
models:
  - { id: small, name: Small, vendor: V, kind: chat, context_tokens: 1000, prices: ${prices} }
lineup:
  - { name: t, provider: static, band: spot, serves: { small: small }, static: { urls: ["http://localhost:1"] } }
`);
const both = fleet(
  '{ spot: { input: "0.30", output: "0.70" }, standard: { input: "123456789.123456789", output: 2 } }',
);

Deno.test("ensurePrices() puts the prices of the fleet file in force, exactly, and once", async () => {
  await using db = await testDatabase();
  assert.deepEqual(await ensurePrices(db.sql, both, now), { closed: 0, opened: 2 });
  const prices = await currentPrices(db.sql);
  assert.equal(prices.size, 2);
  const standard = priceOf(prices, "small", "standard");
  assert.match(standard?.id ?? "", /^prc_/);
  assert.equal(standard?.inputNanoUsd, 123_456_789_123_456_789n);
  assert.equal(standard?.outputNanoUsd, 2_000_000_000n);
  assert.equal(standard?.validTo, null);

  assert.deepEqual(await ensurePrices(db.sql, both, now), { closed: 0, opened: 0 });
  assert.deepEqual(await currentPrices(db.sql), prices);
});

Deno.test("ensurePrices() ends a changed price at the very moment its successor begins, and keeps the rest", async () => {
  await using db = await testDatabase();
  await ensurePrices(db.sql, both, now);
  const before = await currentPrices(db.sql);
  const changed = fleet('{ spot: { input: "0.31", output: "0.70" } }');
  assert.deepEqual(await ensurePrices(db.sql, changed, now), { closed: 2, opened: 1 });
  const after = await currentPrices(db.sql);
  assert.equal(after.size, 1);
  assert.equal(priceOf(after, "small", "spot")?.inputNanoUsd, 310_000_000n);

  const old = priceOf(before, "small", "spot")?.id ?? "";
  const [joint] = await db.sql`
    select old.valid_to = new.valid_from as seamless, old.input_nano_usd as input
    from prices as old, prices as new
    where old.id = ${old} and new.valid_to is null`;
  assert.deepEqual({ ...joint }, { seamless: true, input: "300000000" });
});

Deno.test("ensurePrices() lets replicas that start at once take turns, and never ends a price before it began", async () => {
  await using db = await testDatabase();
  const files = [both, fleet("{ spot: { input: 1, output: 1 } }"), fleet("{}")];
  for (let round = 0; round < 5; round++) {
    await Promise.all(
      Array.from({ length: 5 }, (_, i) => ensurePrices(db.sql, files[i % 3] ?? both, now)),
    );
  }
  const same = await Promise.all(Array.from({ length: 5 }, () => ensurePrices(db.sql, both, now)));
  assert.ok(same.filter((each) => each.opened > 0).length <= 1);
  assert.equal((await currentPrices(db.sql)).size, 2);
  const [overlaps] = await db.sql<{ count: number }[]>`
    select count(*) from prices as a join prices as b
      on a.model = b.model and a.band = b.band and a.id < b.id
      and tstzrange(a.valid_from, a.valid_to) && tstzrange(b.valid_from, b.valid_to)`;
  assert.equal(overlaps?.count, 0);
});
