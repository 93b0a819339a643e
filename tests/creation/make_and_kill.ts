/** Makes a machine in a process of its own, which is killed at a chosen point. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { DatabaseTarget } from "@/lib/kernel/database.ts";
import type { Bench } from "./creating.ts";
import { databaseThrough, gateOf, type ProviderHooks, providerThrough } from "./fault_points.ts";

const PROCESS = fileURLToPath(new URL("./creating_process.ts", import.meta.url));
/** A run that takes longer than this hangs. */
const RUN_MS_MAX = 60_000;

export type Run = { readonly killed: boolean; readonly passed: readonly string[] };

/** Runs the process up to `point`, as `passed` of an earlier run names it; null: to its end. */
export async function makeAndKill(
  at: Bench,
  point: string | null,
  hooks: ProviderHooks = {},
): Promise<Run> {
  let child: Deno.ChildProcess | null = null;
  const kill = async () => {
    child?.kill("SIGKILL");
    await child?.status;
  };
  const gate = gateOf(point, kill);
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
  const killed = gate.killed();
  assert.ok(killed || code === 0, `the process ended with ${code}, unkilled`);
  return { killed, passed: [...gate.passed] };
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
