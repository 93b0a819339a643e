/** What a client has of a provider that refuses: the next tier's answer, or the reason, and neither waits for attempts. */
import assert from "node:assert/strict";
import OpenAI from "openai";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { startEngine } from "@/sim/engine.ts";
import { call } from "@/sim/hyperstack/hyperstack_testing.ts";
import { startHyperstack } from "@/sim/hyperstack/start_hyperstack.ts";
import { makeKey, startGateway, tempDir, until } from "./support.ts";

const SOLD_OUT = { "CANADA-1/H100-80G-PCIe": 0 };

/** A rented tier first; its limits are so long that whoever waited for its attempts would not be served in time. */
const fleetOf = (url: string, engine: string | null) => `
gateway: { wake_cap: 30s }
providers:
  hyperstack:
    base_url: "${url}"
    environment: default-CANADA-1
    key_name: ops
    image: Ubuntu Server 24.04 LTS R570 CUDA 12.8 with Docker
models: [{ id: m, name: M, vendor: V, kind: chat, context_tokens: 8192 }]
lineup:
  - name: spot
    provider: hyperstack
    band: spot
    serves: { m: org/model }
    wake: { power: 10m, reask: 5m, no_stock: 5m }
    hyperstack: { flavor: n3-H100x1-spot, engine_key_env: ENGINE_KEY, vllm: [org/model] }
${
  engine === null ? "" : `
  - name: standard
    provider: static
    band: standard
    serves: { m: org/model }
    static: { urls: ["${engine}"] }
`
}`;

async function withGateway(
  { hasNext }: { hasNext: boolean },
  test: (client: OpenAI, sql: Awaited<ReturnType<typeof testDatabase>>["sql"]) => Promise<void>,
): Promise<void> {
  await using database = await testDatabase();
  await using dir = await tempDir();
  const { sql } = database;
  const account = await startHyperstack({ stock: SOLD_OUT });
  const engine = hasNext ? await startEngine({ servedModelNames: ["org/model"] }) : null;
  await call(account, "POST", "/core/keypairs", {
    ...{ name: "ops", environment_name: "default-CANADA-1", public_key: "ssh-ed25519 AAAA test" },
  });
  Deno.env.set("HYPERSTACK_API_KEY", account.apiKey);
  Deno.env.set("ENGINE_KEY", "engine-secret-0123456789");
  const fleet = fleetOf(account.url, engine?.url ?? null);
  const gateway = await startGateway(fleet, database.target, dir.path);
  try {
    await until(
      "the first bill is read",
      async () =>
        (await sql`select from billing_snapshots where outcome = 'read'`).length > 0 &&
        gateway.lines().some((line) => line.includes("budget_gate.open")),
    );
    const { secret } = await makeKey(sql);
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: secret, maxRetries: 0 });
    await test(client, sql);
  } finally {
    await gateway.stop();
    await engine?.close();
    await account.close();
  }
}

const ask = (client: OpenAI) =>
  client.chat.completions.create({
    model: "m",
    messages: [{ role: "user", content: "Hello" }],
    max_tokens: 4,
  });

Deno.test("a tier without stock is walked past: the next one answers, and its wake has failed for the reason", async () => {
  await withGateway({ hasNext: true }, async (client, sql) => {
    const answer = await ask(client);
    assert.notEqual(answer.choices[0]?.message.content ?? "", "");
    const wake = () =>
      sql<{ outcome: string | null; because: string | null }[]>`
      select outcome, because from wakes where tier = 'spot'
    `;
    await until(
      "the wake of the tier above has failed",
      async () => (await wake())[0]?.outcome === "failed",
    );
    assert.match((await wake())[0]?.because ?? "", /\(capacity\)/);
    for (let i = 0; i < 3; i++) await ask(client);
    assert.equal((await wake()).length, 1, "it is not asked again for a while");
    const [row] = await sql`select tier from usage order by opened_at limit 1`;
    assert.equal(row?.["tier"], "standard");
  });
});

Deno.test("where no other tier is, a held request is told why at once, and when to come back", async () => {
  await withGateway({ hasNext: false }, async (client) => {
    for (let i = 0; i < 2; i++) {
      const error = await ask(client).then(() => null, (thrown: unknown) => thrown);
      assert.ok(error instanceof OpenAI.APIError, String(error));
      assert.deepEqual([error.status, error.code], [503, "no_upstream"]);
      assert.match(error.message, /spot: the provider has no stock of it \(capacity\)/);
      const retryAfterS = Number(error.headers?.get("retry-after"));
      assert.ok(retryAfterS > 10 && retryAfterS <= 300, `come back in ${retryAfterS} s`);
    }
  });
});
