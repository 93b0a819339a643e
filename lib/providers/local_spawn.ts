/** Starts an engine's process under its guard: a free port, the command filled in, and no secrets of ours. */
import { fileURLToPath } from "node:url";
import type { TierSpec } from "@/lib/kernel/fleet_file.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { Millis } from "@/lib/kernel/clock.ts";
import { ProviderError } from "./provider.ts";

export const LOCAL_HOST = "127.0.0.1";
const GUARD = fileURLToPath(new URL("./local_guard.sh", import.meta.url));
const PORT_TRIES_MAX = 50;

export type SpawnOrder = {
  readonly dir: string;
  readonly machineId: string;
  readonly deploymentId: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly orphanAfterMs: Millis;
  readonly stopGraceMs: Millis;
};

/** A child of this very process: it knows of its end without asking. */
export type Child = { readonly pid: number; exited: boolean };

/**
 * Spawns the guard, which becomes the command: one number for both. It leads its own session, holds no pipe of
 * ours, and so outlives us. Throws ProviderError when not even the shell could be started.
 */
export function spawnEngine(order: SpawnOrder, log: Log): Child {
  const seconds = (ms: number) => String(Math.max(1, Math.ceil(ms / 1_000)));
  let process: Deno.ChildProcess;
  try {
    process = new Deno.Command("sh", {
      args: [
        GUARD,
        order.dir,
        seconds(order.orphanAfterMs),
        seconds(order.stopGraceMs),
        order.machineId,
        order.deploymentId,
        ...order.command,
      ],
      env: { ...order.env },
      clearEnv: true,
      detached: true,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  } catch (cause) {
    throw new ProviderError("unavailable", "local", "start", "cannot start a shell", { cause });
  }
  process.unref();
  const child: Child = { pid: process.pid, exited: false };
  // Waiting for it is also what collects it: nobody else may, and a dead child keeps its number until then.
  process.status.then(({ code, signal }) => {
    child.exited = true;
    log.info("local.exited", { machine: order.machineId, pid: process.pid, code, signal });
  });
  return child;
}

/** Fills `{port}`, `{host}`, `{machine}` and `{deno}` (the program that runs us, which need not be on the PATH) in. */
export function fillIn(text: string, port: number, machineId: string): string {
  return text.replaceAll("{port}", String(port)).replaceAll("{host}", LOCAL_HOST)
    .replaceAll("{machine}", machineId).replaceAll("{deno}", Deno.execPath());
}

/** The command and environment of one machine of a tier. `env` is what it inherits. */
export function commandOf(
  spec: NonNullable<TierSpec["local"]>,
  env: Readonly<Record<string, string>>,
  port: number,
  machineId: string,
): { command: string[]; env: Record<string, string> } {
  const own = Object.entries(spec.env).map(([name, value]) =>
    [name, fillIn(value, port, machineId)] as const
  );
  return {
    command: spec.command.map((part) => fillIn(part, port, machineId)),
    env: { ...env, ...Object.fromEntries(own) },
  };
}

/**
 * The port it had, if nobody took it; else a free one that no sibling has written down. Throws ProviderError when
 * none is found. Whoever takes it between this look and the engine's own makes that start fail, and the next differ.
 */
export function choosePort(before: number | null, taken: ReadonlySet<number>): number {
  if (before !== null && isFree(before)) return before;
  for (let i = 0; i < PORT_TRIES_MAX; i++) {
    const listener = Deno.listen({ hostname: LOCAL_HOST, port: 0 });
    const { port } = listener.addr;
    listener.close();
    if (!taken.has(port)) return port;
  }
  throw new ProviderError("capacity", "local", "start", "cannot find a free port on the loopback");
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: LOCAL_HOST, port }).close();
    return true;
  } catch {
    return false;
  }
}
