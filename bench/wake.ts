/** From a request on a cold tier to its first token, by phase: the local provider and the simulator, many times. */
import { join } from "node:path";
import { databaseOf } from "./database.ts";
import { KEY, mainFile, startFlags } from "./lanes.ts";
import { freePort, ready, start, stop } from "./processes.ts";
import { row, type Table } from "./report.ts";
import { quantiles } from "./statistics.ts";

export type WakeOptions = { readonly wakes: number };

const SIM = new URL("../sim/main.ts", import.meta.url).pathname;
const IDLE_MS_MAX = 60_000;

/** What the simulated engine itself takes to load, milliseconds: the rest is ours. */
const ENGINE_MS = { weights: 300, compile: 200, graphs: 100 };

/** Phase times come from the wake's own row; the whole is what the client saw. */
export async function wake(dir: string, { wakes }: WakeOptions): Promise<Table> {
  const data = join(dir, "wake");
  await Deno.mkdir(data, { recursive: true });
  await Deno.writeTextFile(join(data, "fleet.yaml"), fleetOf());
  const port = freePort();
  const gateway = start(
    "waking",
    null,
    [Deno.execPath(), "run", ...await startFlags(), mainFile()],
    {
      env: {
        ...{ DATA_DIR: data, FLEET_FILE: join(data, "fleet.yaml"), PORT: String(port) },
        ...{ DEMO_KEY: KEY, LOG_LEVEL: "warn", REPLICAS: "1" },
      },
    },
  );
  const url = `http://127.0.0.1:${port}`;
  await ready(`${url}/readyz`);
  await using database = await databaseOf(data);
  const { sql } = database;
  const seenMs: number[] = [];
  for (let i = 0; i < wakes; i++) {
    const startMs = performance.now();
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
      body: JSON.stringify({
        ...{ model: "m", stream: true, max_tokens: 4 },
        messages: [{ role: "user", content: "Hello" }],
      }),
    });
    const reader = response.body?.getReader();
    await reader?.read();
    seenMs.push(performance.now() - startMs);
    while (!(await reader?.read())?.done);
    const endMs = performance.now() + IDLE_MS_MAX;
    for (;;) {
      const [machine] = await sql<{ place: string }[]>`select place from machines`;
      if (machine?.place === "asleep") break;
      if (performance.now() > endMs) throw new Error("the machine did not fall asleep again");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  const rows = await sql<Record<string, number | null>[]>`
    select
      extract(epoch from power_on_at - asked_at) * 1000 as "asked to power on",
      extract(epoch from port_open_at - power_on_at) * 1000 as "power on to port open",
      extract(epoch from healthy_at - port_open_at) * 1000 as "port open to healthy",
      extract(epoch from first_token_at - healthy_at) * 1000 as "healthy to first token"
    from wakes where outcome = 'served' order by asked_at
  `;
  await stop(gateway);
  const phases = Object.keys(rows[0] ?? {}).map((name) => {
    const values = rows.flatMap((each) => each[name] === null ? [] : [Number(each[name])]);
    return { name, times: quantiles(values) };
  });
  const whole = quantiles(seenMs);
  const engineMs = Object.values(ENGINE_MS).reduce((a, b) => a + b, 0);
  return {
    title: `A request wakes a machine: ${wakes} wakes over the local provider (ms)`,
    columns: ["", "p50", "p95"],
    rows: [
      ...phases.map(({ name, times }) => row(name, [times.p50, times.p95], 0)),
      row("request to first token, as the client saw it", [whole.p50, whole.p95], 0),
      row("of it: the simulated engine's own loading", [engineMs, engineMs], 0),
    ],
    figures: { phases, whole, engineMs },
  };
}

function fleetOf(): string {
  const startup = Object.entries(ENGINE_MS).map(([name, ms]) => `${name}=${ms / 1_000}`).join(",");
  const command = [
    ...["{deno}", "run", "--no-lock", "--allow-net", "--allow-env", "--allow-read", SIM],
    ...["--port={port}", "--served-model-name=m", `--startup=${startup}`],
    ...["--time-to-first-token=20", "--inter-token-latency=2"],
  ];
  return `site: { demo: true }
models: [{ id: m, name: M, vendor: V, kind: chat, context_tokens: 8192 }]
lineup:
  - name: cold
    provider: local
    band: spot
    serves: { m: m }
    idle: 1s
    wake: { power: 20s, load: 60s, stop: 20s, reask: 5s, sick: 3s }
    local: { stop_grace: 5s, command: ${JSON.stringify(command)} }
`;
}
