/** Makes a machine in a process of its own, which is killed or paused at a chosen point. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { DatabaseTarget } from "@/lib/kernel/database.ts";
import type { Bench } from "./creating.ts";
import {
  databaseThrough,
  gateOf,
  type ProviderHooks,
  providerThrough,
  type Strike,
} from "./fault_points.ts";

const PROCESS = fileURLToPath(new URL("./creating_process.ts", import.meta.url));
/** A run that takes longer than this hangs. */
const RUN_MS_MAX = 60_000;

export type Run = { readonly struck: boolean; readonly passed: readonly string[] };

/** Runs the process up to `point`, as `passed` of an earlier run names it; null: to its end. */
export async function makeAndKill(
  at: Bench,
  point: string | null,
  hooks: ProviderHooks = {},
): Promise<Run> {
  return await make(at, point, hooks, (child) => ({
    fate: "killed",
    async act() {
      child().kill("SIGKILL");
      await child().status;
    },
  }));
}

/** As `makeAndKill`, but it stands still there while `meanwhile` happens, and then goes on to its end. */
export async function makeAndPause(
  at: Bench,
  point: string,
  meanwhile: () => Promise<void>,
): Promise<Run> {
  return await make(at, point, {}, (child) => ({
    fate: "paused",
    async act() {
      child().kill("SIGSTOP");
      await meanwhile().finally(() => child().kill("SIGCONT"));
    },
  }));
}

async function make(
  at: Bench,
  point: string | null,
  hooks: ProviderHooks,
  strikeOf: (child: () => Deno.ChildProcess) => Strike,
): Promise<Run> {
  let child: Deno.ChildProcess | null = null;
  const strike = strikeOf(() => {
    assert.ok(child !== null, "nothing passes before it runs");
    return child;
  });
  const gate = gateOf(point, strike);
  await using database = await databaseThrough(at.db.target, gate);
  await using provider = providerThrough(at.api.url, gate, hooks);
  const args = [
    urlThrough(at.db.target, database.port),
    `http://127.0.0.1:${provider.port}/v1`,
    ...[at.deploymentId, at.machineId, String(at.clock.now())],
  ];
  child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--unstable-net", "--unstable-no-legacy-abort", PROCESS]
      .concat(args),
    stdin: "piped",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  const overdue = setTimeout(() => child?.kill("SIGKILL"), RUN_MS_MAX);
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("\n")).catch(() => {});
  const { code } = await child.status;
  clearTimeout(overdue);
  await writer.close().catch(() => {});
  const struck = gate.struck();
  const wasKilled = struck && strike.fate === "killed";
  assert.ok(wasKilled || code === 0, `the process ended with ${code}, and was not killed`);
  return { struck, passed: [...gate.passed] };
}

/** The same database and login by another way. */
function urlThrough(target: DatabaseTarget, port: number): string {
  if (target.kind === "socket") {
    return `postgres://${target.user}@127.0.0.1:${port}/${target.database}`;
  }
  const url = new URL(target.url);
  url.host = `127.0.0.1:${port}`;
  return url.href;
}
