/** The server process of a data directory: whether it lives, what it is doing, and its pid file after a crash. */
import { join } from "node:path";

/** What `postmaster.pid` says. Source: src/include/utils/pidfile.h of PostgreSQL. */
export type PidFile = {
  pid: number;
  /** The folder of its socket. */
  run: string;
  status: "starting" | "ready" | "stopping";
};

/** No process has it: above every `pid_max`. */
const IMPOSSIBLE_PID = 2_147_483_647;

/** Reads the pid file of a data directory; null when there is none, or it is half written. */
export async function readPidFile(data: string): Promise<PidFile | null> {
  let text: string;
  try {
    text = await Deno.readTextFile(join(data, "postmaster.pid"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  const lines = text.split("\n").map((line) => line.trim());
  const pid = Math.abs(Number(lines[0]));
  if (!Number.isSafeInteger(pid) || pid === 0) return null;
  const status = lines[7] === "ready" ? "ready" : lines[7] === "stopping" ? "stopping" : "starting";
  return { pid, run: lines[4] ?? "", status };
}

/**
 * Whether the process `pid` is the server of `data`, and not another one that was given the number later. Asks
 * `cat` and `ps`, because Deno lets a program read /proc only with every permission.
 */
export async function isServerOf(data: string, pid: number): Promise<boolean> {
  if (pid >= IMPOSSIBLE_PID) return false;
  if (Deno.build.os !== "linux") {
    const line = await output("ps", "-o", "command=", "-p", String(pid));
    return line.includes("postgres") && line.includes(data);
  }
  const words = (await output("cat", `/proc/${pid}/cmdline`)).split("\0");
  if (!/(^|\/)postgres$/.test(words[0] ?? "")) return false;
  if (words[words.indexOf("-D") + 1] === data) return true;
  // The data directory may have been moved under a living server, which works inside it.
  return (await output("readlink", `/proc/${pid}/cwd`)).trim() === data;
}

/**
 * Makes a dead server's pid file harmless when its number now belongs to somebody else, which PostgreSQL would
 * take for a living server. The rest of the file stays: its shared memory key keeps a new server away from
 * processes of the old one that are still writing.
 */
export async function disownPidFile(data: string): Promise<void> {
  const path = join(data, "postmaster.pid");
  const text = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, text.replace(/^\s*-?\d+/, String(IMPOSSIBLE_PID)));
}

/** The last lines of the newest log of a data directory; empty when there is none. */
export async function logTail(data: string, lines = 8): Promise<{ path: string; text: string }> {
  const folder = join(data, "log");
  let newest = { path: folder, at: 0 };
  try {
    for await (const entry of Deno.readDir(folder)) {
      const path = join(folder, entry.name);
      const at = (await Deno.stat(path)).mtime?.getTime() ?? 0;
      if (at > newest.at) newest = { path, at };
    }
    const text = newest.at === 0 ? "" : await Deno.readTextFile(newest.path);
    return { path: newest.path, text: text.trimEnd().split("\n").slice(-lines).join("\n") };
  } catch {
    return { path: newest.path, text: "" };
  }
}

async function output(command: string, ...args: string[]): Promise<string> {
  try {
    const { stdout } = await new Deno.Command(command, { args, stdin: "null", stderr: "null" })
      .output();
    return new TextDecoder().decode(stdout);
  } catch {
    return "";
  }
}
