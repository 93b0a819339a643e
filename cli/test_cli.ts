/** For tests only: the command line on a test database, with what it wrote. */
import { type Clock, millis, systemClock } from "@/lib/kernel/clock.ts";
import type { DatabaseTarget } from "@/lib/kernel/database.ts";
import { runCli } from "./main.ts";
import type { CliIo } from "./output.ts";

export type Ran = { code: number; out: string; err: string };

/** Follows at full speed. */
const hastyClock: Clock = {
  ...systemClock,
  sleep: (span, signal) => systemClock.sleep(millis(Math.min(span, 2)), signal),
};

/** A command that follows for longer follows in vain. */
const RUN_MS_MAX = 20_000;

/** Runs one command line. `out` is also called with each piece as it is written. */
export async function cli(
  target: DatabaseTarget,
  args: readonly string[],
  io: Partial<CliIo> = {},
): Promise<Ran> {
  let out = "";
  let err = "";
  const overdue = new AbortController();
  const timer = setTimeout(() => overdue.abort(), RUN_MS_MAX);
  const signals = [overdue.signal, ...(io.signal === undefined ? [] : [io.signal])];
  const code = await runCli(args, {
    open: () => Promise.resolve({ target, close: () => Promise.resolve() }),
    env: {},
    root: "/nowhere",
    clock: hastyClock,
    actor: "cli:test",
    ...io,
    signal: AbortSignal.any(signals),
    out(text) {
      out += text;
      io.out?.(text);
    },
    err: (text) => void (err += text),
  });
  clearTimeout(timer);
  return { code, out, err };
}

/** As {@link cli}, with the JSON it printed. */
export async function cliJson(
  target: DatabaseTarget,
  args: readonly string[],
  io?: Partial<CliIo>,
) {
  const ran = await cli(target, [...args, "-o", "json"], io);
  const json: unknown = ran.out === "" ? null : JSON.parse(ran.out);
  return { ...ran, json };
}

/** A fleet file of one tier, in a folder of its own. */
export async function fleetFolder(): Promise<{ root: string } & AsyncDisposable> {
  const root = await Deno.makeTempDir({ prefix: "emberlane-cli-" });
  await Deno.writeTextFile(
    `${root}/fleet.yaml`,
    `
models:
  - { id: small, name: Small, vendor: V, kind: chat, context_tokens: 1000, aliases: [tiny] }
  - { id: large, name: Large, vendor: V, kind: chat, context_tokens: 1000 }
routes: { auto: [large, small] }
lineup:
  - { name: first, provider: static, band: spot, serves: { small: s, large: l }, idle: 15m,
      static: { urls: ["http://localhost:1"], key_env: FIRST_KEY } }
`,
  );
  return { root, [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }) };
}
