/**
 * The whole path on rented machines, over the simulated provider with real engines: a request rents a machine and is
 * served, the quiet machine hibernates and costs its storage only, the next request restores it at another address, and
 * its bill becomes a cost per token.
 */
import assert from "node:assert/strict";
import OpenAI from "openai";
import { systemClock } from "@/lib/kernel/clock.ts";
import { hyperstackAccount } from "@/lib/kernel/fleet_file_hyperstack.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { snapshotTaker } from "@/lib/ledger/billing_snapshots.ts";
import { openHyperstack } from "@/lib/providers/hyperstack/hyperstack.ts";
import { scaledClock } from "@/sim/hyperstack/clocks.ts";
import { type Hyperstack, startHyperstack } from "@/sim/hyperstack/start_hyperstack.ts";
import { FAST } from "@/sim/with_engine.ts";
import { makeKey, startGateway, tempDir, until } from "./support.ts";

const ENGINE_KEY = "engine-secret-0123456789";
/** A minute of the provider's is a second. */
const SPEED = 60;
const ENVIRONMENT = "default-CANADA-1";
/** An H100's root disk of 100 GB, without an address, in nano-dollars a minute. */
const STORAGE_NANO_USD = 161_290;
const ACTIVE_NANO_USD = 41_000_000;

const fleetOf = (url: string) => `
providers:
  hyperstack: { base_url: "${url}", environment: ${ENVIRONMENT}, key_name: ops, requests_per_minute: 500 }
models: [{ id: m, name: M, vendor: V, kind: chat, context_tokens: 8192, prices: { standard: { input: "1", output: "2" } } }]
lineup:
  - name: h100
    provider: hyperstack
    band: standard
    serves: { m: org/model }
    idle: 1s
    wake: { power: 60s, load: 60s, stop: 60s, reask: 10s, sick: 3s }
    hyperstack:
      flavor: n3-H100x1
      image: "Ubuntu Server 24.04 LTS R570 CUDA 12.8 with Docker"
      port: 8000
      engine_key_env: ENGINE_KEY
      vllm: [org/model, --served-model-name, org/model]
`;

type ShownWake = { readonly marksMs: readonly (number | null)[] };

Deno.test({
  name:
    "a request rents a machine, it hibernates when quiet and costs its storage, the next one restores it elsewhere, and its bill is folded",
  // Machines answer on loopback addresses of their own.
  ignore: Deno.build.os !== "linux",
  async fn() {
    const clock = scaledClock(systemClock, SPEED);
    const startMs = clock.now();
    const hyperstack = await startHyperstack({
      clock,
      seed: 4,
      keypairs: ["ops"],
      engines: "real",
      engine: { latency: FAST },
      addressPrefix: `127.${100 + Deno.pid % 100}`,
      requestsPerMinuteMax: 100_000,
    });
    await using database = await testDatabase();
    await using dir = await tempDir();
    const { sql } = database;
    Deno.env.set("HYPERSTACK_API_KEY", hyperstack.apiKey);
    Deno.env.set("ENGINE_KEY", ENGINE_KEY);
    const gateway = await startGateway(fleetOf(hyperstack.url), database.target, dir.path);
    const bill = await billing(hyperstack, database.sql);
    try {
      const { secret } = await makeKey(sql);
      const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: secret, maxRetries: 0 });
      const place = async () =>
        (await sql<{ place: string }[]>`select place from machines`)[0]?.place ?? "";
      const rented = () => hyperstack.control.vms();
      const vm = () => {
        const [only] = rented();
        if (only === undefined) throw new Error("Nothing was rented");
        return only;
      };
      const addresses: string[] = [];
      const ask = async () => {
        const stream = await client.chat.completions.create({
          model: "m",
          messages: [{ role: "user", content: "Hello" }],
          max_tokens: 8,
          stream: true,
        });
        let text = "";
        for await (const chunk of stream) {
          const { floatingIp } = vm();
          if (floatingIp !== null && !addresses.includes(floatingIp)) addresses.push(floatingIp);
          text += chunk.choices[0]?.delta.content ?? "";
        }
        return text;
      };

      // What costs money stays closed until the bill was read once.
      await until(
        "the first bill is read",
        () => gateway.lines().some((line) => line.includes("budget_gate.open")),
      );
      assert.notEqual(await ask(), "");
      assert.equal(rented().length, 1, "one machine was rented");
      await bill.take();
      await until("the quiet machine hibernates", async () => await place() === "asleep");
      assert.equal(vm().status, "HIBERNATED");

      // From here on it costs its disk, and nothing else.
      const first = await bill.take();
      const fromMs = clock.now();
      await until("five minutes of the provider's pass", () => clock.now() - fromMs > 5 * 60_000);
      const second = await bill.take();
      const minutes = (clock.now() - fromMs) / 60_000;
      const asleep = Number(second - first);
      assert.ok(
        asleep >= 4 * STORAGE_NANO_USD && asleep <= (minutes + 2) * STORAGE_NANO_USD,
        `${asleep} nano-dollars in ${minutes} minutes asleep`,
      );
      assert.ok(asleep < ACTIVE_NANO_USD, "five minutes asleep are less than one awake");

      assert.notEqual(await ask(), "");
      assert.equal(rented().length, 1, "it was restored, not rented again");
      assert.equal(addresses.length, 2, "it came back at another address");
      await bill.take();
      const before = hyperstack.control.invoice({ fromMs: startMs, toMs: clock.now() });
      const spent = await bill.take();
      const after = hyperstack.control.invoice().totalNanoUsd;
      assert.ok(before.totalNanoUsd <= spent && spent <= after, "what was spent is what is billed");

      await until("both wakes are shown with every step", async () => {
        const status = await (await fetch(`${gateway.url}/api/status`)).json();
        const wakes: ShownWake[] = status.recent;
        return wakes.length === 2 &&
          wakes.every(({ marksMs }) => marksMs.every((mark) => mark !== null));
      });
      const pages = await Promise.all(
        ["/status", "/economics"].map(async (path) => (await fetch(gateway.url + path)).text()),
      );
      assert.match(pages[0] ?? "", /First token/);
      const secrets = [hyperstack.apiKey, ENGINE_KEY];
      for (const text of [...pages, ...gateway.lines()]) {
        assert.ok(!secrets.some((each) => text.includes(each)), "a secret was told");
      }
    } finally {
      await gateway.stop();
      await bill.close();
      await hyperstack.close();
      Deno.env.delete("HYPERSTACK_API_KEY");
      Deno.env.delete("ENGINE_KEY");
    }
  },
});

/** Takes snapshots as the minute's cron does, at minutes of our choosing; answers what was spent so far. */
async function billing(
  { url, apiKey }: Hyperstack,
  sql: Awaited<ReturnType<typeof testDatabase>>["sql"],
) {
  const account = hyperstackAccount.parse({ base_url: url, environment: "e", key_name: "k" });
  const provider = openHyperstack({ account, apiKey, tiers: new Map(), clock: systemClock });
  const take = await snapshotTaker({
    ...{ sql, providers: new Map([["hyperstack", provider]]), replicaId: "rep_test" },
    ...{ clock: systemClock, log: silentLog },
  });
  // Ahead of the gateway's own, which would be dropped as late.
  let minute = Math.floor(Date.now() / 60_000) + 1;
  return {
    async take(): Promise<bigint> {
      minute += 1;
      await take(new Date(minute * 60_000), new AbortController().signal);
      const [row] = await sql<{ nano: string }[]>`
        select coalesce(sum(nano_usd), 0)::text as nano from spend
      `;
      return BigInt(row?.nano ?? "0");
    },
    close: () => provider.close(),
  };
}
