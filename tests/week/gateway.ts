/** The gateway's process as the simulation holds it: started, given the time, asked, killed. */
import { createInterface } from "node:readline";
import { type ChildProcess, spawn } from "node:child_process";
import { z } from "zod";
import type { DatabaseTarget } from "@/lib/kernel/database.ts";

const PROGRAM = new URL("gateway_process.ts", import.meta.url);
const START_MS_MAX = 60_000;
const TICK_MS_MAX = 30_000;

export type GatewayOptions = {
  readonly database: DatabaseTarget;
  readonly dataDir: string;
  readonly fleet: string;
  readonly env: Readonly<Record<string, string>>;
};

export type Gateway = {
  readonly url: string;
  /**
   * Gives it the time, or the same time again, and whether something is under way; answers whether it has done all that was due: if not, something waits
   * for the database, the provider, or simulated time. Rejects when it has ended.
   */
  tick(nowMs: number, isBusy: boolean): Promise<boolean>;
  /** The time, without waiting for what it does with it. */
  tell(nowMs: number): void;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** The end of what it logged. */
  readonly log: () => string;
};

const word = z.object({ url: z.string() })
  .or(z.object({ nowMs: z.number(), isDone: z.boolean() }));
const LOG_CHARS_MAX = 200_000;

/** Starts a gateway whose clock stands at `startMs`; resolves when it listens. */
export async function startGateway(options: GatewayOptions, startMs: number): Promise<Gateway> {
  const { database, dataDir, fleet, env } = options;
  const child: ChildProcess = spawn(Deno.execPath(), [
    "run",
    "-A",
    "--no-lock",
    "--unstable-kv",
    "--unstable-cron",
    "--unstable-net",
    "--unstable-no-legacy-abort",
    PROGRAM.pathname,
    JSON.stringify({ startMs, database, dataDir, fleet }),
  ], { env: { ...Deno.env.toObject(), ...env }, stdio: ["pipe", "pipe", "pipe"] });
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new Error("unreachable: piped");
  stdin.on("error", () => {}); // it was killed
  let log = "";
  const file = Deno.env.get("WEEK_LOG");
  stderr.on("data", (bytes) => {
    log = (log + String(bytes)).slice(-LOG_CHARS_MAX);
    if (file !== undefined) Deno.writeTextFileSync(file, String(bytes), { append: true });
  });
  const gone = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  const heard: z.infer<typeof word>[] = [];
  let wake = () => {};
  createInterface({ input: stdout }).on("line", (line) => {
    heard.push(word.parse(JSON.parse(line)));
    wake();
  });
  let isGone = false;
  void gone.then(() => {
    isGone = true;
    wake();
  });

  async function next(withinMs: number): Promise<z.infer<typeof word>> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      wake();
    }, withinMs);
    try {
      while (heard.length === 0) {
        if (isGone || isLate) {
          throw new Error(`the gateway ${isGone ? "ended" : "is silent"}:\n${log.slice(-4_000)}`);
        }
        await new Promise<void>((resolve) => wake = resolve);
      }
    } finally {
      clearTimeout(timer);
    }
    const [first] = heard.splice(0, 1);
    if (first === undefined) throw new Error("unreachable: something was heard");
    return first;
  }

  const started = await next(START_MS_MAX).catch(async (error) => {
    child.kill("SIGKILL");
    await gone;
    throw error;
  });
  if (!("url" in started)) throw new Error("unreachable: it says its URL first");
  return {
    url: started.url,
    async tick(nowMs, isBusy) {
      stdin.write(`${JSON.stringify({ nowMs, isBusy })}\n`);
      for (;;) {
        const said = await next(TICK_MS_MAX);
        if ("nowMs" in said && said.nowMs === nowMs) return said.isDone;
      }
    },
    tell: (nowMs) => void stdin.write(`${JSON.stringify({ nowMs, isBusy: true })}\n`),
    async kill() {
      child.kill("SIGKILL");
      await gone;
    },
    log: () => log,
  };
}
