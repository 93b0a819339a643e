/**
 * The whole path on rented machines, as far as it can be shown without an account: a request rents, wakes and is served, the
 * quiet machine hibernates, the next request restores it at another address, and its bill becomes a cost per token.
 */
import assert from "node:assert/strict";
import OpenAI from "openai";
import { systemClock } from "@/lib/kernel/clock.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { snapshotTaker } from "@/lib/ledger/billing_snapshots.ts";
import {
  API_KEY,
  type FakeHyperstack,
  fakeHyperstack,
} from "@/lib/providers/hyperstack/fake_testing.ts";
import { openHyperstack } from "@/lib/providers/hyperstack/hyperstack.ts";
import { hyperstackAccount } from "@/lib/kernel/fleet_file_hyperstack.ts";
import { type Engine, startEngine } from "@/sim/engine.ts";
import { makeKey, startGateway, tempDir, until } from "./support.ts";

const ENGINE_KEY = "engine-secret-0123456789";
const PORT = 18_000 + Math.floor(Math.random() * 10_000);

const fleetOf = (api: FakeHyperstack) => `
providers:
  hyperstack: { base_url: "${api.url}", environment: default-CANADA-1, key_name: ops, requests_per_minute: 500 }
models: [{ id: m, name: M, vendor: V, kind: chat, context_tokens: 8192, prices: { spot: { input: "1", output: "2" } } }]
lineup:
  - name: h100-spot
    provider: hyperstack
    band: spot
    serves: { m: org/model }
    idle: 1s
    wake: { power: 30s, load: 30s, stop: 30s, reask: 5s, sick: 3s }
    hyperstack:
      flavor: n3-H100x1-spot
      port: ${PORT}
      engine_key_env: ENGINE_KEY
      vllm: [org/model, --served-model-name, org/model]
`;

/** Lets the machines live: what is asked for happens, and an active one runs an engine at its address. */
function world(api: FakeHyperstack) {
  const engines = new Map<string, Engine>();
  const addresses: string[] = [];
  let isOver = false;
  const turn = async () => {
    api.settle();
    const active = new Set(
      [...api.vms.values()].filter(({ status }) => status === "ACTIVE").map((vm) => vm.floating_ip),
    );
    for (const [host, engine] of engines) {
      if (active.has(host)) continue;
      engines.delete(host);
      await engine.close();
    }
    for (const host of active) {
      if (host === null || engines.has(host)) continue;
      addresses.push(host);
      engines.set(
        host,
        await startEngine({
          host,
          port: PORT,
          servedModelNames: ["org/model"],
          apiKeys: [ENGINE_KEY],
        }),
      );
    }
  };
  const running = (async () => {
    while (!isOver) {
      await turn();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    for (const engine of engines.values()) await engine.close();
  })();
  return {
    addresses,
    async end() {
      isOver = true;
      await running;
    },
  };
}

Deno.test("a request rents a machine, it hibernates when quiet, the next one restores it elsewhere, and its bill is folded", async () => {
  await using api = fakeHyperstack();
  await using database = await testDatabase();
  await using dir = await tempDir();
  const { sql } = database;
  const machines = world(api);
  Deno.env.set("HYPERSTACK_API_KEY", API_KEY);
  Deno.env.set("ENGINE_KEY", ENGINE_KEY);
  const gateway = await startGateway(fleetOf(api), database.target, dir.path);
  try {
    const { secret } = await makeKey(sql);
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: secret, maxRetries: 0 });
    const ask = async () => {
      const stream = await client.chat.completions.create({
        model: "m",
        messages: [{ role: "user", content: "Hello" }],
        max_tokens: 8,
        stream: true,
      });
      let text = "";
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
      return text;
    };
    const place = async () =>
      (await sql<{ place: string }[]>`select place from machines`)[0]?.place ?? "";

    // What costs money stays closed until the bill was read once.
    await until(
      "the first bill is read",
      async () =>
        (await sql`select from billing_snapshots where outcome = 'read'`).length > 0 &&
        gateway.lines().some((line) => line.includes("budget_gate.open")),
    );
    assert.notEqual(await ask(), "");
    assert.equal(api.vms.size, 1, "one machine was rented");
    await until("the quiet machine hibernates", async () => await place() === "asleep");
    assert.equal([...api.vms.values()][0]?.status, "HIBERNATED");
    assert.notEqual(await ask(), "");
    assert.equal(api.vms.size, 1, "it was restored, not rented again");
    assert.equal(new Set(machines.addresses).size, 2, "it came back at another address");
    const calls = api.asked.filter(({ method, path }) =>
      method === "POST" || /hibernate/.test(path)
    );
    assert.deepEqual(
      calls.map(({ path }) => path.replace(/\d+/, "ID")).slice(0, 3),
      [
        "/core/virtual-machines",
        "/core/virtual-machines/ID/hibernate",
        "/core/virtual-machines/ID/hibernate-restore",
      ],
    );
    const wakes = await sql<Record<string, Date | null>[]>`
      select power_on_at, port_open_at, healthy_at, first_token_at from wakes where outcome = 'served' order by asked_at
    `;
    assert.equal(wakes.length, 2);
    for (const wake of wakes) {
      for (const [phase, at] of Object.entries(wake)) {
        assert.ok(at !== null, `${phase} was not stamped`);
      }
    }
    const [vm] = [...api.vms.values()];
    const nowMin = Math.floor(Date.now() / 60_000);
    const billOf = (total: number) => [{
      ...{ resource_id: vm?.id, resource_type: "vm", name: vm?.name, bill_per_minute: 0.03 },
      ...{
        total_bill: total,
        active: true,
        create_time: new Date(nowMin * 60_000).toISOString(),
        terminate_time: null,
      },
    }];
    // The same call the minute's cron makes, for minutes of our choosing.
    const account = hyperstackAccount.parse({ base_url: api.url, environment: "e", key_name: "k" });
    const provider = openHyperstack({
      account,
      apiKey: API_KEY,
      tiers: new Map(),
      clock: systemClock,
    });
    const take = await snapshotTaker({
      ...{ sql, providers: new Map([["hyperstack", provider]]), replicaId: "rep_test" },
      ...{ clock: systemClock, log: silentLog },
    });
    const signal = new AbortController().signal;
    for (const [minutesAgo, total] of [[-2, 1], [-3, 1.03], [-4, 1.06]] as const) {
      api.usage = billOf(total);
      await take(new Date((nowMin - minutesAgo) * 60_000), signal);
    }
    const spent = await sql<{ tier: string; nano: string }[]>`
      select tier, sum(nano_usd)::text as nano from spend group by tier
    `;
    assert.deepEqual([...spent], [{ tier: "h100-spot", nano: "1060000000" }]);
    const page = await (await fetch(`${gateway.url}/economics`)).text();
    assert.match(page, /Minutes without a bill[\s\S]*\(hyperstack\)/);
    assert.ok(!page.includes(API_KEY) && !gateway.lines().some((line) => line.includes(API_KEY)));
    assert.ok(!gateway.lines().some((line) => line.includes(ENGINE_KEY)));
  } finally {
    await gateway.stop();
    await machines.end();
    Deno.env.delete("HYPERSTACK_API_KEY");
    Deno.env.delete("ENGINE_KEY");
  }
});
