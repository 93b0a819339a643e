/** Several replicas behind one port, as `deno task start` runs them: real processes, killed and stopped. */
import assert from "node:assert/strict";
import { fleetYaml, PATIENCE_MS, processesOf, simTier, tempDir, until } from "./support.ts";
import { freePort } from "./crash_trial.ts";
import { startFlags } from "@/replica/replica_process.ts";

const ROOT = new URL("../../", import.meta.url);
const KEY = "sk-ember-replicas-test-0123456789abcdef";

type Started = {
  child: Deno.ChildProcess;
  url: string;
  dir: string;
  /** What it has written so far: for whoever has to find out why a test failed. */
  said: () => string;
};

async function startTask(dir: string): Promise<Started> {
  const port = freePort();
  await Deno.writeTextFile(
    `${dir}/fleet.yaml`,
    `site: { demo: true }\n${fleetYaml(simTier("spot", { flags: ["--inter-token-latency=5"] }))}`,
  );
  const flags = startFlags(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, new URL("main.ts", ROOT).pathname],
    env: {
      DATA_DIR: `${dir}/data`,
      FLEET_FILE: `${dir}/fleet.yaml`,
      PORT: String(port),
      REPLICAS: "2",
      DEMO_KEY: KEY,
      LOG_LEVEL: "warn",
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const lines: string[] = [];
  for (const output of [child.stdout, child.stderr]) {
    void output.pipeThrough(new TextDecoderStream()).pipeTo(
      new WritableStream({ write: (text) => void lines.push(text) }),
    );
  }
  const started = {
    ...{ child, url: `http://127.0.0.1:${port}`, dir },
    said: () => lines.join(""),
  };
  await until("both replicas run", async () => (await replicasOf(started)).length === 2);
  await until("the gateway is ready", async () => (await ask(started, "/readyz")) === 200);
  await until("both replicas listen", async () => await listeners(port) === 2);
  return started;
}

/** How many sockets listen on the port: each replica has its own. Source: Linux, proc_net_tcp. */
async function listeners(port: number): Promise<number> {
  const end = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const tables = await Promise.all(
    ["/proc/net/tcp", "/proc/net/tcp6"].map((path) => Deno.readTextFile(path).catch(() => "")),
  );
  return tables.join("\n").split("\n").filter((line) => {
    const [, local = "", , state] = line.trim().split(/\s+/);
    return local.endsWith(end) && state === "0A";
  }).length;
}

/** Process ids of the supervisor's children. */
async function replicasOf({ child }: Started): Promise<number[]> {
  const path = `/proc/${child.pid}/task/${child.pid}/children`;
  const text = await Deno.readTextFile(path).catch(() => "");
  return text.trim().split(/\s+/).filter((word) => word !== "").map(Number);
}

/** The status of one request on a connection of its own; 0 when there was no answer. */
async function ask({ url }: Started, path: string, body?: unknown): Promise<number> {
  try {
    const response = await fetch(url + path, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        authorization: `Bearer ${KEY}`,
        "content-type": "application/json",
        connection: "close",
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    await response.body?.cancel();
    return response.status;
  } catch {
    return 0;
  }
}

const CHAT = { model: "m", max_tokens: 5, messages: [{ role: "user", content: "Hello" }] };

Deno.test("two replicas share a port: one is killed and replaced while the other answers; both leave in order and take all with them", async () => {
  await using dir = await tempDir();
  const started = await startTask(dir.path);
  try {
    assert.equal(await ask(started, "/v1/chat/completions", CHAT), 200);
    const [victim = 0, other = 0] = await replicasOf(started);
    Deno.kill(victim, "SIGKILL");
    // What it had accepted or was about to accept dies with it; what comes after must not notice.
    await until("the dead one is gone", () => !isAlive(victim));
    const statuses = await Promise.all(
      Array.from({ length: 20 }, () => ask(started, "/v1/chat/completions", CHAT)),
    );
    assert.deepEqual(new Set(statuses), new Set([200]));
    const after = await until("another replica took its place", async () => {
      const now = await replicasOf(started);
      return now.length === 2 && !now.includes(victim) && now;
    });
    assert.ok(after.includes(other), "the other replica went on");
    started.child.kill("SIGTERM");
    assert.equal((await started.child.status).code, 0);
    await nothingLeft(started);
  } finally {
    await end(started);
  }
});

Deno.test("replicas leave by themselves when their supervisor is killed", async () => {
  await using dir = await tempDir();
  const started = await startTask(dir.path);
  try {
    const replicas = await replicasOf(started);
    started.child.kill("SIGKILL");
    await started.child.status;
    await until("its replicas are gone", () => replicas.every((pid) => !isAlive(pid)));
    await nothingLeft(started);
  } finally {
    await end(started);
  }
});

/** Waits until every process of it has ended; tells which have not, and what was logged. */
async function nothingLeft({ dir, said }: Started): Promise<void> {
  let left: number[] = [];
  const isEmpty = async () => (left = await processesOf(dir)).length === 0;
  await until("no process of it is left", isEmpty).catch(async (error) => {
    const commands = await Promise.all(
      left.map((pid) => Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "gone")),
    );
    const named = commands.map((command) => command.replaceAll("\0", " ")).join("\n");
    throw new Error(`${error.message}\nLeft:\n${named}\nLogged:\n${said()}`);
  });
}

function isAlive(pid: number): boolean {
  try {
    Deno.statSync(`/proc/${pid}`);
    return true;
  } catch {
    return false;
  }
}

async function end({ child, dir }: Started): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended already.
  }
  await child.status;
  for (const pid of await processesOf(dir)) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch {
      // So has this one.
    }
  }
}
