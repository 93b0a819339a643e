/**
 * `deno task bench [overhead]`: what the gateway adds to a request, next to nginx and to a direct call, in one run.
 *
 * The engine is the simulator with 10 ms to its first token (`--ttft`; with 0 the commit of the row, which otherwise
 * happens while the engine thinks, shows in full), the gateway runs as a user runs it (embedded PostgreSQL, keys checked,
 * usage metered, rows durable), each in a process of its own. Rounds are interleaved and the first is thrown away;
 * figures are medians over rounds, and only what is added over the direct call of the same round is quoted.
 */
import { parseArgs } from "node:util";

const ROOT = new URL("../", import.meta.url);
const KEY = "sk-ember-bench-000000000000000000";
const READY_MS_MAX = 60_000;

type Lane = { name: string; url: string; headers: Record<string, string> };
type Times = { p50: number; p99: number };

const { values: flags } = parseArgs({
  args: Deno.args.filter((arg) => !/^(overhead)$/.test(arg)),
  options: {
    rounds: { type: "string", default: "8" },
    requests: { type: "string", default: "300" },
    quick: { type: "boolean", default: false },
    ttft: { type: "string", default: "10" },
  },
});
const rounds = flags.quick ? 4 : Number(flags.rounds);
const requests = flags.quick ? 100 : Number(flags.requests);

if (import.meta.main) await overhead();

async function overhead(): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "emberlane-bench-" });
  const children: Deno.ChildProcess[] = [];
  try {
    const [enginePort, gatewayPort, nginxPort] = [freePort(), freePort(), freePort()];
    children.push(spawn(Deno.execPath(), [
      ...[
        "run",
        "--allow-net",
        "--allow-env",
        "--allow-read",
        new URL("sim/main.ts", ROOT).pathname,
      ],
      ...[
        `--port=${enginePort}`,
        "--served-model-name=m",
        "--time-to-first-token=0",
        "--inter-token-latency=0",
      ],
      ...["--disable-log-stats", "--timeout-keep-alive=60"],
    ]));
    await Deno.writeTextFile(`${dir}/fleet.yaml`, fleetOf(enginePort));
    children.push(spawn(Deno.execPath(), [
      ...["run", "-A", "--unstable-kv", "--unstable-cron", "--unstable-no-legacy-abort"],
      new URL("main.ts", ROOT).pathname,
    ], {
      DATA_DIR: dir,
      FLEET_FILE: `${dir}/fleet.yaml`,
      PORT: String(gatewayPort),
      DEMO_KEY: KEY,
      LOG_LEVEL: "warn",
    }));
    const lanes: Lane[] = [
      { name: "direct", url: `http://127.0.0.1:${enginePort}`, headers: {} },
      {
        name: "emberlane",
        url: `http://127.0.0.1:${gatewayPort}`,
        headers: { authorization: `Bearer ${KEY}` },
      },
    ];
    const nginx = await startNginx(dir, nginxPort, enginePort);
    if (nginx !== null) {
      children.push(nginx);
      lanes.push({ name: "nginx", url: `http://127.0.0.1:${nginxPort}`, headers: {} });
    } else console.log("nginx is not installed (apt install nginx-light): left out");
    await ready(`${lanes[0]?.url}/health`);
    await ready(`${lanes[1]?.url}/readyz`);

    for (const stream of [false, true]) {
      const added = new Map<string, Times[]>();
      for (let round = 0; round < rounds; round++) {
        const times = new Map<string, Times>();
        for (const lane of rotated(lanes, round)) times.set(lane.name, await measure(lane, stream));
        const direct = times.get("direct");
        if (round === 0 || direct === undefined) continue;
        for (const [name, { p50, p99 }] of times) {
          added.set(name, [...added.get(name) ?? [], {
            p50: p50 - direct.p50,
            p99: p99 - direct.p99,
          }]);
        }
      }
      const what = stream ? "time to the first chunk of a stream" : "a plain answer of 16 tokens";
      console.log(
        `\nAdded over a direct call, ${what} (${rounds - 1} rounds of ${requests}, one at a time):`,
      );
      for (const [name, all] of added) {
        if (name === "direct") continue;
        const p50 = median(all.map((t) => t.p50)).toFixed(3);
        const p99 = median(all.map((t) => t.p99)).toFixed(3);
        console.log(`  ${name.padEnd(10)} p50 ${p50} ms   p99 ${p99} ms`);
      }
    }
    const cores = navigator.hardwareConcurrency;
    console.log(
      `\nMachine: ${cores} cores, Deno ${Deno.version.deno}, ${Deno.build.os} ${Deno.build.arch}`,
    );
  } finally {
    for (const child of children.reverse()) {
      try {
        child.kill("SIGTERM");
      } catch {
        continue; // it ended by itself
      }
      await child.status;
    }
    await Deno.remove(dir, { recursive: true }).catch(() => {});
  }
}

async function measure(lane: Lane, stream: boolean): Promise<Times> {
  const times: number[] = [];
  const body = JSON.stringify({
    model: "m",
    stream,
    max_tokens: 16,
    ignore_eos: true,
    messages: [{ role: "user", content: "Say something about rivers. ".repeat(30) }],
  });
  for (let i = 0; i < requests; i++) {
    const startMs = performance.now();
    const response = await fetch(`${lane.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...lane.headers },
      body,
    });
    if (response.status !== 200) {
      throw new Error(`${lane.name} answered ${response.status}: ${await response.text()}`);
    }
    if (stream) {
      const reader = response.body?.getReader();
      await reader?.read();
      times.push(performance.now() - startMs);
      while (!(await reader?.read())?.done);
    } else {
      await response.arrayBuffer();
      times.push(performance.now() - startMs);
    }
  }
  times.sort((a, b) => a - b);
  return {
    p50: times[Math.floor(times.length * 0.5)] ?? NaN,
    p99: times[Math.floor(times.length * 0.99)] ?? NaN,
  };
}

function rotated(lanes: readonly Lane[], by: number): Lane[] {
  return lanes.map((_, i) => lanes[(i + by) % lanes.length]).filter((lane) => lane !== undefined);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function fleetOf(enginePort: number): string {
  return `site: { demo: true }
models: [{ id: m, name: M, vendor: V, kind: chat, context_tokens: 8192 }]
lineup:
  - { name: bench, provider: static, band: standard, serves: { m: m }, static: { urls: ["http://127.0.0.1:${enginePort}"] } }
`;
}

function spawn(
  command: string,
  args: string[],
  env: Record<string, string> = {},
): Deno.ChildProcess {
  return new Deno.Command(command, { args, env, stdin: "null", stdout: "null", stderr: "null" })
    .spawn();
}

async function startNginx(
  dir: string,
  port: number,
  enginePort: number,
): Promise<Deno.ChildProcess | null> {
  const found = await new Deno.Command("sh", {
    args: ["-c", "PATH=$PATH:/usr/sbin command -v nginx"],
  }).output();
  const path = new TextDecoder().decode(found.stdout).trim();
  if (path === "") return null;
  await Deno.writeTextFile(
    `${dir}/nginx.conf`,
    `
daemon off; worker_processes 1; pid ${dir}/nginx.pid; error_log ${dir}/nginx.log;
events { worker_connections 1024; }
http {
  access_log off; client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/f;
  uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
  upstream engine { server 127.0.0.1:${enginePort}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://engine; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }
  }
}
`,
  );
  return spawn(path, ["-c", `${dir}/nginx.conf`, "-p", dir]);
}

async function ready(url: string): Promise<void> {
  const endMs = performance.now() + READY_MS_MAX;
  while (performance.now() < endMs) {
    const response = await fetch(url).catch(() => null);
    await response?.body?.cancel();
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} was not ready within ${READY_MS_MAX} ms`);
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
