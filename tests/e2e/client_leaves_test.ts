/** A client that leaves mid-stream: the engine hears of it at once, and the row says what was really generated. */
import assert from "node:assert/strict";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { startEngine } from "@/sim/engine.ts";
import { DEFAULT_LATENCY } from "@/sim/options.ts";
import { fleetYaml, makeKey, startGateway, tempDir, until } from "./support.ts";

const MOMENTS = 200;
const AT_ONCE = 20;

Deno.test(`${MOMENTS} clients leave at random moments: each abort reaches the engine within a second, each row counts what was generated`, async () => {
  await using database = await testDatabase();
  await using dir = await tempDir();
  const { secret } = await makeKey(database.sql);
  const engine = await startEngine({
    port: 0,
    servedModelNames: ["m"],
    latency: { ...DEFAULT_LATENCY, timeToFirstTokenMs: 20, interTokenLatencyMs: 5 },
  });
  const tier = `
  - { name: spot, provider: static, band: spot, serves: { m: m }, static: { urls: ["${engine.url}"] } }`;
  const gateway = await startGateway(fleetYaml(tier), database.target, dir.path);
  try {
    for (let round = 0; round < MOMENTS / AT_ONCE; round++) {
      await Promise.all(Array.from({ length: AT_ONCE }, () => leaveAtRandom(gateway.url, secret)));
      const leftAt = performance.now();
      await until("the engine heard of every abort", () => engine.stats().running === 0, 1_000);
      assert.ok(performance.now() - leftAt < 1_000);
    }
    const rows = await until("every row is closed", async () => {
      const all = await database.sql<
        { id: string; tokens: number; ended: string; source: string }[]
      >`
        select id, completion_tokens as tokens, ended, tokens_from as source from usage where closed_at is not null`;
      return all.length === MOMENTS ? all : null;
    });
    const generated = engine.stats().by_request;
    for (const row of rows) {
      const record = generated[row.id];
      assert.ok(record !== undefined, `${row.id} reached the engine`);
      // One chunk is one token here, unless the engine lagged and merged some; then one chunk is what it merged.
      assert.ok(
        Math.abs(record.generated - row.tokens) <= 1,
        `${row.id} (${row.ended}, ${row.source}): row ${row.tokens}, engine ${record.generated}`,
      );
    }
    assert.ok(rows.filter((row) => row.ended === "client_left").length > MOMENTS * 0.8);
  } finally {
    await gateway.stop();
    await engine.close();
  }
});

/** A client on a bare connection: reads a random number of times, then closes it under the stream. */
async function leaveAtRandom(url: string, secret: string): Promise<void> {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const messages = [{ role: "user", content: "Hello" }];
  const body = JSON.stringify({
    model: "m",
    stream: true,
    max_tokens: 400,
    ignore_eos: true,
    messages,
  });
  const head = [
    "POST /v1/chat/completions HTTP/1.1",
    "host: gateway",
    `authorization: Bearer ${secret}`,
    "content-type: application/json",
    `content-length: ${body.length}`,
  ];
  await connection.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n${body}`));
  const read = new Uint8Array(65_536);
  for (let left = 1 + Math.floor(Math.random() * 40); left > 0; left--) {
    assert.notEqual(await connection.read(read), null, "the gateway keeps sending");
  }
}
