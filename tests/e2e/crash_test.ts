/** The gateway is killed at random moments under load; nothing that a client saw may be missing afterwards. */
import assert from "node:assert/strict";
import { openDatabase } from "@/lib/kernel/database.ts";
import { startEmbedded } from "@/lib/kernel/embedded_postgres.ts";
import { crashTrial, freePort, launch } from "./crash_trial.ts";
import { chat, fleetYaml, makeKey, simTier, tempDir, until } from "./support.ts";

/** A few here; `deno run -A tests/e2e/crash_trial.ts 100` runs as many as one likes. */
const KILLS = 8;

Deno.test(`after ${KILLS} kills under load every answered request has its row, no row stays open, no machine runs twice or unknown`, async () => {
  const found = await crashTrial(KILLS);
  assert.deepEqual(found.problems, []);
  assert.ok(found.answered > KILLS, "the load was real");
  assert.ok(found.cut > 0, "kills did cut streams short");
});

Deno.test("a replica that is killed has its rows swept by the other, from their last checkpoint, while the other serves on", async () => {
  await using dir = await tempDir();
  const server = await startEmbedded(dir.path);
  const sql = openDatabase(server.target, { applicationName: "crash test", maxConnections: 2 });
  const flags = ["--time-to-first-token=20", "--inter-token-latency=20"];
  await Deno.writeTextFile(`${dir.path}/fleet.yaml`, fleetYaml(simTier("spot", { flags })));
  const ports = [freePort(), freePort()] as const;
  const [doomed, other] = await Promise.all([
    launch(dir.path, ports[0]),
    launch(dir.path, ports[1]),
  ]);
  try {
    const { secret } = await makeKey(sql);
    const url = (port: number) => `http://127.0.0.1:${port}`;
    const streams = await Promise.all(
      [ports[0], ports[0], ports[1]].map((port) =>
        chat(url(port), secret, { stream: true, max_tokens: 400, ignore_eos: true })
      ),
    );
    await until("two checkpoints were written", async () => {
      const rows = await sql`select id from usage where checkpoint_at is not null`;
      return rows.length === 3;
    });
    doomed.kill("SIGKILL");
    const texts = await Promise.all(
      streams.map((stream) => stream.text().catch(() => "broke off")),
    );
    assert.ok(texts[2]?.endsWith("data: [DONE]\n\n"), "the other replica's stream ran on");
    const swept = await until("the rows are swept", async () => {
      const rows = await sql<{ tokens: number; cost: string }[]>`
        select completion_tokens as tokens, cost_nano_usd as cost from usage where ended = 'interrupted'`;
      return rows.length === 2 ? rows : null;
    });
    for (const { tokens, cost } of swept) {
      assert.ok(tokens > 0);
      // spot is priced $1 and $2 per million: 1,000 and 2,000 nano-dollars a token
      assert.ok(Number(cost) > tokens * 2_000 && Number(cost) <= tokens * 2_000 + 20 * 1_000, cost);
    }
  } finally {
    other.kill("SIGTERM");
    await Promise.all([doomed.status, other.status]);
    await sql.end({ timeout: 1 });
    await server.stop();
  }
});
