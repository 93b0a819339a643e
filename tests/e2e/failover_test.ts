/** Engines that fail: before the first content another machine takes over, after it the client is told the truth. */
import assert from "node:assert/strict";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { type Engine, startEngine } from "@/sim/engine.ts";
import { DEFAULT_LATENCY } from "@/sim/options.ts";
import { chat, fleetYaml, type Gateway, makeKey, startGateway, tempDir, until } from "./support.ts";

type Row = {
  id: string;
  ended: string;
  status: number;
  attempts: number;
  tier: string;
  errorCode: string | null;
};
type Scene = {
  gateway: Gateway;
  secret: string;
  first: Engine;
  second: Engine;
  /** Asks with the first tier's engine failing so, and answers what the client got and what the row says. */
  ask(
    fault: string,
    body?: Record<string, unknown>,
  ): Promise<{ status: number; text: string; row: Row }>;
};

async function withTwoTiers(body: (scene: Scene) => Promise<void>): Promise<void> {
  await using database = await testDatabase();
  await using dir = await tempDir();
  const { secret } = await makeKey(database.sql);
  const latency = { ...DEFAULT_LATENCY, timeToFirstTokenMs: 5, interTokenLatencyMs: 2 };
  const engines = await Promise.all(
    [0, 1].map(() => startEngine({ port: 0, servedModelNames: ["m"], latency })),
  );
  const [first, second] = engines;
  assert.ok(first !== undefined && second !== undefined);
  const tier = (name: string, engine: Engine) => `
  - name: ${name}
    provider: static
    band: spot
    serves: { m: m }
    limits: { first_token: 1s, stall: 1s, total: 60s }
    static: { urls: ["${engine.url}"] }`;
  const gateway = await startGateway(
    fleetYaml(tier("one", first) + tier("two", second)),
    database.target,
    dir.path,
  );
  try {
    await until("both machines are ready", async () => {
      const rows = await database.sql`select id from machines where place = 'ready'`;
      return rows.length === 2;
    });
    let turn = 0;
    await body({
      gateway,
      secret,
      first,
      second,
      async ask(fault, extra = {}) {
        const set = await fetch(`${first.url}/admin/config`, {
          method: "POST",
          body: JSON.stringify({ faults: fault === "" ? [] : [fault] }),
        });
        assert.equal(set.status, 200, await set.text());
        const id = `failover-${turn++}`;
        const response = await chat(gateway.url, secret, {
          max_tokens: 20,
          ...extra,
          headers: { "x-request-id": id },
        });
        const text = await response.text();
        const row = await until(`the row of ${fault}`, async () => {
          const [found] = await database.sql<Row[]>`
            select id, ended, status, attempts, tier, error_code as "errorCode" from usage
            where request_id = ${id} and closed_at is not null`;
          return found;
        });
        // The first machine is shunned for a moment after it failed; it is to be chosen again.
        await until("the first machine is chosen again", async () => {
          await fetch(`${first.url}/admin/config`, {
            method: "POST",
            body: JSON.stringify({ faults: [] }),
          })
            .then((r) => r.body?.cancel());
          const probe = await chat(gateway.url, secret, { max_tokens: 1 });
          await probe.body?.cancel();
          return probe.headers.get("x-emberlane-tier") === "one";
        });
        return { status: response.status, text, row };
      },
    });
  } finally {
    await gateway.stop();
    await Promise.all(engines.map((engine) => engine.close()));
  }
}

const DONE = "data: [DONE]\n\n";

Deno.test("before the first content every failure walks on to the next machine, and one row says how", async () => {
  await withTwoTiers(async ({ ask }) => {
    for (
      const fault of [
        "status:code=500",
        "status:code=503,retry-after=1",
        "status:code=429",
        "reset",
        "abort",
        "silence",
        "cut:after=0",
        "error-event:after=0",
      ]
    ) {
      const { status, text, row } = await ask(fault, { stream: true });
      assert.equal(status, 200, `${fault}: ${text}`);
      assert.ok(text.endsWith(DONE), `${fault}: ${text.slice(-200)}`);
      assert.deepEqual([row.ended, row.tier, row.attempts], ["complete", "two", 2], fault);
    }
    for (const fault of ["status:code=500", "reset", "abort"]) {
      const { status, row } = await ask(fault);
      assert.equal(status, 200, fault);
      assert.deepEqual(
        [row.ended, row.tier, row.attempts],
        ["complete", "two", 2],
        `${fault}, not streamed`,
      );
    }
  });
});

Deno.test("after the first content a failure is one error event and no [DONE], and the row tells it from a whole answer", async () => {
  await withTwoTiers(async ({ ask }) => {
    const cases = [
      ["cut:after=5", "upstream_failed"],
      ["cut:after=5,how=reset", "upstream_failed"],
      ["stall:after=5", "stalled"],
      ["no-finish:after=5", "truncated"],
      ["error-event:after=5", "upstream_failed"],
      ["malformed:after=5", "upstream_failed"],
      ["abort:after=5", "upstream_failed"],
    ] as const;
    for (const [fault, ended] of cases) {
      const { status, text, row } = await ask(fault, { stream: true });
      assert.equal(status, 200, fault);
      assert.equal(text.match(/^data: \{"error":/gm)?.length, 1, `${fault}: ${text.slice(-400)}`);
      assert.ok(!text.includes("[DONE]"), fault);
      const last = text.trimEnd().split("\n\n").at(-1) ?? "";
      assert.equal(typeof JSON.parse(last.slice(6)).error.message, "string", fault);
      assert.deepEqual([row.ended, row.tier, row.attempts], [ended, "one", 1], fault);
    }
  });
});

Deno.test("an engine that omits [DONE] is believed, and a refusal of the request itself is not tried elsewhere", async () => {
  await withTwoTiers(async ({ ask, second }) => {
    const { text, row } = await ask("no-done", { stream: true });
    assert.ok(text.endsWith(DONE));
    assert.deepEqual([row.ended, row.tier], ["complete", "one"]);
    const before = second.stats().requests;
    const refused = await ask("", { temperature: -1 });
    assert.equal(refused.status, 400);
    assert.equal(JSON.parse(refused.text).error.code, "invalid_request");
    assert.equal(refused.row.attempts, 1);
    assert.equal(second.stats().requests, before);
  });
});
