/** What the operating system says of processes, and the only way they are signalled: by number and start together. */
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { ProviderError } from "./provider.ts";

const SCRIPT = fileURLToPath(new URL("./local_processes.sh", import.meta.url));
const SCRIPT_MS_MAX = 10_000;

/** One process for good: its number is given to others once it is gone, its number and start are not. */
export const processId = z.object({
  pid: z.int().min(2),
  /** Opaque; when it began, and on Linux in which boot. */
  start: z.string().regex(/^[\w.:]+$/),
});
export type ProcessId = z.infer<typeof processId>;

export type SeenProcess = ProcessId & { readonly group: number };
export type TaggedProcess = SeenProcess & {
  readonly machineId: string;
  readonly deploymentId: string;
};

const seenLine = /^(\d+) (\d+) (\S+) (\S+)(?: (\S+) (\S+))?$/;

/** Those of `pids` that live, by number. A dead one that nobody collected does not live. */
export async function lookUp(pids: readonly number[]): Promise<Map<number, SeenProcess>> {
  if (pids.length === 0) return new Map();
  const rows = await table(["look", ...pids.map(String)]);
  return new Map(
    rows.map((row) => [row.pid, { pid: row.pid, start: row.start, group: row.group }]),
  );
}

/** Every live process whose environment names a machine: complete, or it throws. On macOS environments are hidden: none. */
export async function tagged(): Promise<readonly TaggedProcess[]> {
  const rows = await table(["tagged"]);
  return rows.flatMap(({ machineId, deploymentId, ...seen }) =>
    machineId === null || deploymentId === null ? [] : [{ ...seen, machineId, deploymentId }]
  );
}

/** Whether `process` is the very one that was seen. */
export function isSame(process: ProcessId, seen: SeenProcess | undefined): boolean {
  return seen !== undefined && seen.start === process.start;
}

/** Whether this very process lives. */
export async function lives(process: ProcessId): Promise<boolean> {
  return isSame(process, (await lookUp([process.pid])).get(process.pid));
}

/**
 * Signals the whole group this process leads, after making sure that the number is still its own.
 * False when it is gone. It never signals a process that was not looked at first.
 */
export async function signalGroup(
  process: ProcessId,
  signal: "SIGTERM" | "SIGKILL",
): Promise<boolean> {
  const seen = (await lookUp([process.pid])).get(process.pid);
  if (seen === undefined || !isSame(process, seen)) return false;
  // Only a leader's number names a group; anything else is signalled alone.
  return send(seen.group === process.pid ? -process.pid : process.pid, signal);
}

function send(target: number, signal: Deno.Signal): boolean {
  try {
    Deno.kill(target, signal);
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw new ProviderError("unavailable", "local", "signal", `cannot signal ${target}`, {
      cause: thrown,
    });
  }
}

type Row = SeenProcess & {
  readonly machineId: string | null;
  readonly deploymentId: string | null;
};

async function table(args: readonly string[]): Promise<Row[]> {
  const output = await new Deno.Command("sh", {
    args: [SCRIPT, ...args],
    stdin: "null",
    stderr: "null",
    signal: AbortSignal.timeout(SCRIPT_MS_MAX),
  }).output();
  if (!output.success) {
    throw new ProviderError("unavailable", "local", args[0] ?? "", "cannot read the process table");
  }
  const rows: Row[] = [];
  for (const line of new TextDecoder().decode(output.stdout).split("\n")) {
    const parts = seenLine.exec(line);
    if (parts === null) continue;
    const [, pid, group, state, start, machineId = null, deploymentId = null] = parts;
    if (pid === undefined || group === undefined || start === undefined) continue;
    if (state?.startsWith("Z") || state?.startsWith("X")) continue;
    rows.push({ pid: Number(pid), group: Number(group), start, machineId, deploymentId });
  }
  return rows;
}
