/** A replica as a child process: this program again, with the same permissions, told to serve one share of the port. */
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { ReadyNotice, ReplicaProcess } from "./supervisor.ts";

/** The argument that makes main.ts a replica under a supervisor. */
export const REPLICA_ARGUMENT = "--supervised";

/** Begins the one line of a replica's output that is for its supervisor; JSON never holds this character bare. */
const MARK = "\x1e";
const NEWLINE = 10;

const notice = z.object({
  url: z.string(),
  replicaId: z.string(),
  demoKey: z.string().nullable(),
});

const ROOT = new URL("../", import.meta.url);
const manifest = z.object({ tasks: z.object({ start: z.string() }) });

/** The flags of the start task, so that a replica may do exactly what the task allows. Throws when deno.json has none. */
export function startFlags(denoJson: string): string[] {
  const words = manifest.parse(JSON.parse(denoJson)).tasks.start.split(/\s+/);
  return words.slice(words.indexOf("run") + 1, words.indexOf("main.ts"));
}

/** What a replica writes to its output once it serves. */
export function readyLine(ready: ReadyNotice): string {
  return `${MARK}${JSON.stringify(ready)}\n`;
}

/**
 * Starts replicas whose log goes to `write`. They stop when their input ends, which also happens when we are killed:
 * a replica never outlives its supervisor by more than its own shutdown.
 */
export async function replicaStarter(
  write: (bytes: Uint8Array) => void,
): Promise<() => ReplicaProcess> {
  const flags = startFlags(await Deno.readTextFile(new URL("deno.json", ROOT)));
  return () => {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", ...flags, fileURLToPath(new URL("main.ts", ROOT)), REPLICA_ARGUMENT],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const ready = Promise.withResolvers<ReadyNotice>();
    const relayed = relay(child.stdout, write, (line) => {
      const parsed = notice.safeParse(JSON.parse(line));
      if (parsed.success) ready.resolve(parsed.data);
    });
    let asked: Promise<void> | null = null;
    return {
      pid: child.pid,
      ready: ready.promise,
      exited: Promise.all([child.status, relayed]).then(([{ code }]) => code),
      askToStop: () => void (asked ??= child.stdin.close().catch(() => {})),
      kill: () => {
        try {
          child.kill("SIGKILL");
        } catch {
          // It has ended already.
        }
      },
    };
  };
}

/** Resolves when the input ends: the supervisor wants us to stop, or is no more. */
export async function inputEnded(input: ReadableStream<Uint8Array>): Promise<void> {
  try {
    for await (const _ of input) {
      // Nothing is said here; only the end counts.
    }
  } catch {
    // A broken pipe has ended too.
  }
}

/** Hands whole lines on; the marked ones go to `heard`, without their mark. */
export async function relay(
  output: ReadableStream<Uint8Array>,
  write: (bytes: Uint8Array) => void,
  heard: (line: string) => void,
): Promise<void> {
  const mark = MARK.charCodeAt(0);
  let rest: Uint8Array = new Uint8Array(0);
  for await (const chunk of output) {
    const bytes = rest.length === 0 ? chunk : joined(rest, chunk);
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    rest = bytes.slice(end);
    const lines = bytes.subarray(0, end);
    if (!lines.includes(mark)) {
      if (lines.length > 0) write(lines);
      continue;
    }
    for (const line of new TextDecoder().decode(lines).split("\n").slice(0, -1)) {
      if (line.startsWith(MARK)) heard(line.slice(1));
      else write(new TextEncoder().encode(`${line}\n`));
    }
  }
  if (rest.length > 0) write(rest);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
