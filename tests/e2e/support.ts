/** What the end-to-end tests stand on: a replica in this process, its database, and clients. */
import { join } from "node:path";
import { type Config, parseFleet } from "@/lib/kernel/config.ts";
import { type Clock, systemClock } from "@/lib/kernel/clock.ts";
import type { DatabaseTarget, Sql } from "@/lib/kernel/database.ts";
import { createLog } from "@/lib/kernel/log.ts";
import { createKey, ensureAccount } from "@/lib/accounts/api_keys_store.ts";
import { type Replica, startReplica } from "@/replica/replica.ts";

const ROOT = new URL("../../", import.meta.url);
/** Nothing here takes longer on a slow machine than this; past it a test fails with what it waited for. */
export const PATIENCE_MS = 60_000;

/** A local tier whose machines run the simulator; `flags` go to the simulator, `extra` is YAML of the tier. */
export function simTier(
  name: string,
  { flags = [], extra = "" }: { flags?: string[]; extra?: string } = {},
): string {
  const sim = join(ROOT.pathname, "sim/main.ts");
  const command = [
    "{deno}",
    "run",
    "--no-lock",
    "--allow-net",
    "--allow-env",
    "--allow-read",
    sim,
    "--port={port}",
  ];
  return `
  - name: ${name}
    provider: local
    band: ${name.startsWith("spot") ? "spot" : "standard"}
    serves: { m: m }
    idle: 10m
    wake: { power: 20s, load: 60s, stop: 20s, reask: 5s, sick: 3s, retry: 1s }
${extra.split("\n").map((line) => "    " + line).join("\n")}
    local:
      stop_grace: 5s
      command: ${JSON.stringify([...command, "--served-model-name=m", ...flags])}`;
}

export function fleetYaml(tiers: string, { gateway = "{}" }: { gateway?: string } = {}): string {
  return `
gateway: ${gateway}
models: [{ id: m, name: M, vendor: V, kind: chat, context_tokens: 8192, prices: { spot: { input: "1", output: "2" } } }]
lineup:${tiers}
`;
}

export type Gateway = {
  readonly url: string;
  readonly replica: Replica;
  readonly lines: () => string[];
  stop(): Promise<void>;
};

/** Starts a replica in this process on a free port. Nothing ticks its minutes. */
export async function startGateway(
  fleet: string,
  database: DatabaseTarget,
  dataDir: string,
  clock: Clock = systemClock,
): Promise<Gateway> {
  const lines: string[] = [];
  const log = createLog({
    level: "info",
    write: (text) => (Deno.env.get("SHOW_LOG") === "1" && console.error(text), lines.push(text)),
    now: systemClock.now,
  });
  const config: Config = {
    host: "127.0.0.1",
    port: 0,
    dataDir,
    databaseUrl: null,
    fleetPath: "fleet.yaml",
    fleet: parseFleet(fleet),
    demoKey: null,
    metricsToken: null,
    logLevel: "info",
    replicas: 1,
  };
  const ticker = { every() {} };
  const env = Deno.env.toObject();
  const replica = await startReplica({ config, log, env, database, ticker, clock });
  return {
    url: replica.url,
    replica,
    lines: () => (log.flush(), lines.join("").split("\n").filter((line) => line !== "")),
    stop: () => replica.shutdown.stop("test over"),
  };
}

/** A key without limits. */
export async function makeKey(sql: Sql): Promise<{ secret: string; id: string }> {
  const doer = { actor: "test", now: systemClock.now() };
  const account = await ensureAccount(sql, "test", doer);
  const none = { models: null, requestsPerMinute: null, tokensPerMinute: null, expiresAt: null };
  const { key, secret } = await createKey(
    sql,
    { accountId: account.id, name: "test", ...none },
    doer,
  );
  return { secret, id: key.id };
}

/** A chat request with what a test wants to vary. */
export function chat(
  url: string,
  secret: string,
  { headers = {}, signal, ...body }: Record<string, unknown> & {
    headers?: HeadersInit;
    signal?: AbortSignal;
  } = {},
): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}`, "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "Hello" }], ...body }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Polls until `holds` answers something truthy; fails with `what` after the test's patience. */
export async function until<T>(
  what: string,
  holds: () => Promise<T | false | null | undefined> | T | false | null | undefined,
  withinMs = PATIENCE_MS,
): Promise<T> {
  const endMs = performance.now() + withinMs;
  while (performance.now() < endMs) {
    const value = await holds();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`Not within ${withinMs} ms: ${what}`);
}

/** A temporary directory, removed when disposed. */
export async function tempDir(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "emberlane-e2e-" });
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }).catch(() => {}),
  };
}

/** Processes of this user whose environment tags them as machines of the given ids: machine id → pids. */
export async function machineProcesses(
  machineIds: readonly string[],
): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>(machineIds.map((id) => [id, []]));
  for await (const entry of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    const read = (file: string) => Deno.readTextFile(`/proc/${entry.name}/${file}`).catch(() => "");
    const tag = /(?:^|\0)EMBERLANE_MACHINE=([^\0]*)/.exec(await read("environ"))?.[1];
    if (tag === undefined || !found.has(tag)) continue;
    // The guard beside an engine carries its tag too; what counts is the engine.
    if (!(await read("cmdline")).includes("sim/main.ts")) continue;
    if (/\) Z /.test(await read("stat"))) continue;
    found.get(tag)?.push(Number(entry.name));
  }
  return found;
}

/** Processes whose environment names `dir`: everything a gateway started there has started in turn. */
export async function processesOf(dir: string): Promise<number[]> {
  const found: number[] = [];
  for await (const entry of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    const read = (file: string) => Deno.readTextFile(`/proc/${entry.name}/${file}`).catch(() => "");
    const says = (await read("environ")).includes(dir) || (await read("cmdline")).includes(dir);
    if (says && !/\) Z /.test(await read("stat"))) found.push(Number(entry.name));
  }
  return found;
}
