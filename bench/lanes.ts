/** What is compared: a direct call, nginx, our gateway as a user runs it, and another gateway from npm. */
import { join } from "node:path";
import { busyBetween, coreTimes, FOREIGN_MAX, foreignShare } from "./cores.ts";
import type { Job, LoadResult } from "./load.ts";
import {
  canPin,
  type Cores,
  cpuUs,
  freePort,
  output,
  pin,
  ready,
  rssMb,
  start,
  type Started,
  tree,
  which,
} from "./processes.ts";

const ROOT = new URL("../", import.meta.url);
export const KEY = "sk-ember-bench-000000000000000000";
const PORTKEY = "1.15.2";
/** The embedded server and its children are measured apart from the gateway. */
const POSTGRES = /postgres/;
export const DATABASE_CORE = "3";

export type Lane = {
  readonly name: string;
  readonly port: number;
  readonly key: string | null;
  readonly headers?: Record<string, string>;
  readonly process: Started | null;
  /** Where it runs, its database apart. */
  readonly cores: Cores;
};

export type Layout = { readonly proxy: Cores; readonly engine: Cores; readonly load: Cores };

export type Bench = {
  readonly dir: string;
  readonly layout: Layout;
  readonly engine: Lane;
  readonly nginx: Lane | null;
  readonly emberlane: Lane;
  /** What could not be compared, and what would make it possible. */
  readonly missing: readonly string[];
};

export async function layout(): Promise<Layout> {
  return await canPin()
    ? { proxy: "0", engine: "1", load: "2" }
    : { proxy: null, engine: null, load: null };
}

/** Starts engine, gateway and nginx; `stopAll` ends them. */
export async function openBench(dir: string): Promise<Bench> {
  const cores = await layout();
  const missing: string[] = [];
  const engine = await startEngine(cores.engine);
  const emberlane = await startEmberlane(dir, engine.port, cores.proxy);
  const nginx = await startNginx(dir, engine.port, cores.proxy);
  if (nginx === null) missing.push("nginx is not installed (apt install nginx-light): left out");
  return { dir, layout: cores, engine, nginx, emberlane, missing };
}

export async function startEngine(cores: Cores): Promise<Lane> {
  const port = freePort();
  const file = new URL("fast_engine.ts", import.meta.url).pathname;
  const process = start("engine", cores, [Deno.execPath(), "run", "-A", file, String(port)]);
  await ready(`http://127.0.0.1:${port}/health`);
  return { name: "direct", port, key: null, process, cores };
}

/** As `deno task start` runs it: embedded PostgreSQL, keys checked, usage metered, rows durable. */
export async function startEmberlane(
  dir: string,
  enginePort: number,
  cores: Cores,
  { replicas = 1, name = "emberlane", env = {} }: {
    replicas?: number;
    name?: string;
    env?: Record<string, string>;
  } = {},
): Promise<Lane> {
  const port = freePort();
  const data = join(dir, name);
  await Deno.mkdir(data, { recursive: true });
  await Deno.writeTextFile(join(data, "fleet.yaml"), fleetOf(enginePort));
  const process = start(name, cores, [Deno.execPath(), "run", ...await startFlags(), mainFile()], {
    env: {
      DATA_DIR: data,
      FLEET_FILE: join(data, "fleet.yaml"),
      PORT: String(port),
      DEMO_KEY: KEY,
      LOG_LEVEL: "warn",
      REPLICAS: String(replicas),
      ...env,
    },
  });
  await ready(`http://127.0.0.1:${port}/readyz`);
  // It inherits our core; a database has its own wherever somebody runs one beside a gateway.
  const lane = { name, port, key: KEY, process, cores };
  if (cores !== null) await pin(treeOf(lane).theirs, DATABASE_CORE);
  return lane;
}

export const mainFile = () => new URL("main.ts", ROOT).pathname;

/** The start task's own flags. */
export async function startFlags(): Promise<string[]> {
  const { startFlags } = await import("@/replica/replica_process.ts");
  return startFlags(await Deno.readTextFile(new URL("deno.json", ROOT)));
}

function fleetOf(enginePort: number): string {
  return `site: { demo: true }
models: [{ id: m, name: M, vendor: V, kind: chat, context_tokens: 8192, prices: { standard: { input: "0.1", output: "0.4" } } }]
lineup:
  - { name: bench, provider: static, band: standard, concurrency: 100000, serves: { m: m }, static: { urls: ["http://127.0.0.1:${enginePort}"] } }
`;
}

export async function startNginx(
  dir: string,
  enginePort: number,
  cores: Cores,
): Promise<Lane | null> {
  const path = await which("nginx");
  if (path === null) return null;
  const port = freePort();
  await Deno.writeTextFile(
    join(dir, "nginx.conf"),
    `daemon off; worker_processes 1; pid ${dir}/nginx.pid; error_log ${dir}/nginx.log;
events { worker_connections 16384; }
http {
  access_log off; client_body_temp_path ${dir}/n1; proxy_temp_path ${dir}/n2; fastcgi_temp_path ${dir}/n3;
  uwsgi_temp_path ${dir}/n4; scgi_temp_path ${dir}/n5;
  keepalive_requests 10000000; keepalive_timeout 60s; client_body_buffer_size 2m; tcp_nodelay on;
  upstream engine { server 127.0.0.1:${enginePort}; keepalive 2048; keepalive_requests 10000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { proxy_pass http://engine; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }
  }
}
`,
  );
  const process = start("nginx", cores, [path, "-c", join(dir, "nginx.conf"), "-p", dir]);
  await ready(`http://127.0.0.1:${port}/health`);
  return { name: "nginx", port, key: null, process, cores };
}

/** Portkey's gateway, pinned, from npm; null with a reason when it cannot be had. */
export async function startPortkey(
  dir: string,
  enginePort: number,
  cores: Cores,
): Promise<Lane | string> {
  const [npm, node] = [await which("npm"), await which("node")];
  if (npm === null || node === null) return "Portkey needs node and npm: left out";
  const home = join(dir, "portkey");
  await Deno.mkdir(home, { recursive: true });
  await Deno.writeTextFile(join(home, "package.json"), "{}");
  const args = ["install", "--no-audit", "--no-fund", `@portkey-ai/gateway@${PORTKEY}`];
  const { success } = await new Deno.Command(npm, {
    ...{ args, cwd: home, stdout: "null", stderr: "null" },
  }).output();
  if (!success) return `@portkey-ai/gateway@${PORTKEY} could not be installed: left out`;
  const port = freePort();
  const file = join(home, "node_modules/@portkey-ai/gateway/build/start-server.js");
  const process = start("portkey", cores, [node, file, `--port=${port}`, "--headless"], {
    cwd: home,
    env: { NODE_ENV: "production" },
  });
  await ready(`http://127.0.0.1:${port}/`);
  const headers = {
    "x-portkey-provider": "openai",
    "x-portkey-custom-host": `http://127.0.0.1:${enginePort}/v1`,
  };
  return { name: "portkey", port, key: "sk-none", headers, process, cores };
}

export type Measured = LoadResult & {
  /** The proxy's CPU time during the job, µs; its database's apart. */
  readonly cpuUs: number;
  readonly databaseCpuUs: number;
  readonly rssMb: number;
  /** The share of the proxy's cores that went to others; NaN when it is kept to none. */
  readonly foreign: number;
  /** How often it was taken again because that was too much. */
  readonly repeats: number;
};

type Work = Job extends infer J ? J extends unknown ? Omit<J, "port" | "key" | "headers"> : never
  : never;

/** More often than this, and the machine is as it is: the least disturbed one stands. */
const REPEATS_MAX = 2;

/**
 * Runs one job against a lane in a process of its own, and takes the lane's CPU time meanwhile; again, when others had
 * more than a tenth of its core. `beside` are processes that belong on that core.
 */
export async function measure(
  lane: Lane,
  work: Work,
  cores: Cores,
  beside: readonly number[] = [],
): Promise<Measured> {
  let best = await measureOnce(lane, work, cores, beside);
  let repeats = 0;
  while (best.foreign > FOREIGN_MAX && repeats < REPEATS_MAX) {
    const again = await measureOnce(lane, work, cores, beside);
    repeats++;
    if (again.foreign < best.foreign) best = again;
  }
  return { ...best, repeats };
}

/** As `measure`, but taken as it comes. */
export async function measureOnce(
  lane: Lane,
  work: Work,
  cores: Cores,
  beside: readonly number[] = [],
): Promise<Measured> {
  const { ours, theirs } = treeOf(lane);
  const here = [...ours, ...beside];
  const before = [cpuUs(ours), cpuUs(theirs), cpuUs(here), performance.now()] as const;
  const coresBefore = coreTimes();
  const job = { ...work, port: lane.port, key: lane.key, headers: lane.headers ?? {} };
  const file = new URL("load.ts", import.meta.url).pathname;
  const text = await output(cores, [Deno.execPath(), "run", "-A", file, JSON.stringify(job)]);
  const result = JSON.parse(text) as LoadResult;
  const busy = busyBetween(coresBefore, coreTimes());
  const tookUs = (performance.now() - before[3]) * 1_000;
  return {
    ...result,
    cpuUs: cpuUs(ours) - before[0],
    databaseCpuUs: cpuUs(theirs) - before[1],
    rssMb: rssMb(ours),
    foreign: foreignShare(busy, lane.cores, cpuUs(here) - before[2], tookUs),
    repeats: 0,
  };
}

/** The processes of a lane, and those of its database. */
export function treeOf({ process }: Lane): { ours: number[]; theirs: number[] } {
  if (process === null) return { ours: [], theirs: [] };
  const ours = tree(process.pid, POSTGRES);
  return { ours, theirs: tree(process.pid).filter((pid) => !ours.includes(pid)) };
}

/** What a table says of the work of others on the proxy's core; nothing where nobody could look. */
export function noiseOf(runs: readonly Measured[]): string[] {
  if (runs.every(({ foreign }) => Number.isNaN(foreign))) return [];
  const repeats = runs.reduce((sum, run) => sum + run.repeats, 0);
  const noisy = runs.filter(({ foreign }) => foreign > FOREIGN_MAX).length;
  return [
    `Of ${runs.length} slices, ${
      runs.filter((run) => run.repeats > 0).length
    } were taken again (${repeats} times in all) because others had more than a tenth of the proxy's core; ${noisy} stand all the same.`,
  ];
}

/** Lets every lane compile and fill what it fills once; a gateway serves longer than it starts. */
export async function warmUp(lanes: readonly Lane[], cores: Cores): Promise<void> {
  for (const lane of lanes) {
    await measureOnce(
      lane,
      { kind: "closed", connections: 16, seconds: 2, bench: { chunks: 16 } },
      cores,
    );
    await measureOnce(lane, {
      ...{
        kind: "streams",
        streams: 100,
        rampMs: 100,
        bench: { chunks: 40, every_ms: 5 },
      } as const,
    }, cores);
  }
}

/** The lanes in another order each round, so that none is always first. */
export function rotated<T>(lanes: readonly T[], by: number): T[] {
  return lanes.map((_, i) => lanes[(i + by) % lanes.length]).filter((lane) => lane !== undefined);
}
