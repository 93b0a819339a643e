/** Tests of billing.ts: the gate as a replica has it, over a real database and a provider that can fall silent. */
import assert from "node:assert/strict";
import { parseFleet } from "@/lib/kernel/config.ts";
import { systemClock } from "@/lib/kernel/clock.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { createMetrics } from "@/lib/kernel/metrics.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { type Provider, ProviderError } from "@/lib/providers/provider.ts";
import { openBilling } from "./billing.ts";

const FLEET = `
billing: { stale_after: 2m }
providers: { hyperstack: { environment: e, key_name: k } }
models: [{ id: m, name: M, vendor: V, kind: chat, context_tokens: 8192 }]
lineup:
  - { name: rented, provider: hyperstack, band: spot, serves: { m: m }, hyperstack: { flavor: f, vllm: [m], engine_key_env: K } }
  - { name: own, provider: local, band: standard, serves: { m: m }, local: { command: ["true"] } }
`;

Deno.test("a rented tier is closed until its bill is read and when the bill grows old; an own one never; it opens by itself", async () => {
  await using database = await testDatabase();
  const stopping = new AbortController();
  const fleet = parseFleet(FLEET);
  const [rented, own] = fleet.lineup;
  assert.ok(rented !== undefined && own !== undefined);
  let aheadMs = 0;
  const clock = {
    ...systemClock,
    now: () => systemClock.now() + aheadMs as ReturnType<typeof systemClock.now>,
  };
  let isSilent = true;
  const billing = {
    usage: () =>
      isSilent
        ? Promise.reject(new ProviderError("unavailable", "hyperstack", "usage", "no answer"))
        : Promise.resolve({ resources: [], raw: {} }),
  };
  const provider = { name: "hyperstack", billing } as unknown as Provider;
  const desk = await openBilling({
    ...{
      sql: database.sql,
      providers: new Map([["hyperstack", provider]]),
      fleet,
      replicaId: "rep_1",
    },
    ...{ clock, log: silentLog, metrics: createMetrics(), signal: stopping.signal },
  });
  const ask = desk.guarded(() => Promise.resolve({ kind: "asked", wakeId: "wak_1" }));
  try {
    const closed = desk.closedTier(rented);
    assert.deepEqual([closed?.code, closed?.status, closed?.shouldRetry], [
      "billing_unobservable",
      503,
      false,
    ]);
    assert.equal(desk.closedTier(own), null);
    assert.equal((await ask(rented, "r")).kind, "unavailable");
    assert.equal((await ask(own, "r")).kind, "asked");

    isSilent = false;
    const minute = Math.floor(Date.now() / 60_000) + 1;
    await desk.bill(new Date(minute * 60_000), stopping.signal);
    assert.equal(desk.closedTier(rented), null);
    assert.equal((await ask(rented, "r")).kind, "asked");

    aheadMs = 119_000;
    assert.equal(desk.closedTier(rented), null);
    aheadMs = 130_000;
    assert.equal(desk.closedTier(rented)?.code, "billing_unobservable");
    aheadMs = 0;
    await desk.bill(new Date((minute + 1) * 60_000), stopping.signal);
    assert.equal(desk.closedTier(rented), null);
  } finally {
    stopping.abort();
  }
});
