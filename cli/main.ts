/** The command line: `deno task cli …`. Reads its arguments, runs one command, and turns every failure into an exit code. */
import { userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Command, CommanderError } from "commander";
import { systemClock } from "@/lib/kernel/clock.ts";
import { ConfigError } from "@/lib/kernel/config.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import { addBilling } from "./billing.ts";
import { addConfig } from "./config.ts";
import { openNamed } from "./connect.ts";
import { addJournal } from "./journal.ts";
import { addKeys } from "./keys.ts";
import { addMachines } from "./machines.ts";
import { addOffers } from "./offers.ts";
import { addOrphans } from "./orphans.ts";
import { CliError, type CliIo, EXIT, PipeClosed } from "./output.ts";
import { addUsage } from "./usage.ts";
import { addWake } from "./wake.ts";

/** Where the gateway starts its relative paths, so that both find the same files. */
const ROOT = fileURLToPath(new URL("../", import.meta.url));

const HELP_AFTER = `
It talks to the database of the gateway: DATABASE_URL, or else the embedded server under DATA_DIR (./data), which it
starts for as long as it needs it when no gateway runs. Times are UTC. With -o json it prints one JSON document
(with --follow, one line per event); field names carry their units and stay the same between versions.

Exit codes: 0 done · 1 could not be done · 2 wrong arguments · 69 no database or no gateway · 78 wrong configuration
· 130 interrupted.`;

/** Runs one command line. Answers its exit code; never throws. */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  const program = new Command("deno task cli")
    .description("See and steer an Emberlane gateway.")
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err, getOutHasColors: () => false })
    .showHelpAfterError("(add --help for what can be written here)")
    .addHelpText("after", HELP_AFTER);
  addKeys(program, io);
  addUsage(program, io);
  addBilling(program, io);
  addMachines(program, io);
  addWake(program, io);
  addJournal(program, io);
  addOrphans(program, io);
  addOffers(program, io);
  addConfig(program, io);
  try {
    await program.parseAsync([...args], { from: "user" });
    return io.signal.aborted ? EXIT.interrupted : EXIT.ok;
  } catch (error) {
    return failed(error, io);
  }
}

/** Says what went wrong, in one line and without a stack. */
function failed(error: unknown, io: CliIo): number {
  if (error instanceof PipeClosed) return EXIT.ok;
  // Commander has said it already. Asking for help is no mistake.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof ConfigError) {
    io.err(`${error.message}\n`);
    return EXIT.config;
  }
  if (error instanceof CliError) {
    io.err(`${error.message}\n`);
    return error.exitCode;
  }
  if (error instanceof AppError && error.code !== "internal") {
    io.err(`${error.message}\n`);
    return EXIT.failed;
  }
  io.err(
    `Something failed that should not have: ${error instanceof Error ? error.message : error}\n`,
  );
  return EXIT.failed;
}

/** The real process. The first Ctrl-C lets a command end in order, the second ends it. */
function processIo(): CliIo {
  const leaving = new AbortController();
  const leave = () => leaving.signal.aborted ? Deno.exit(EXIT.interrupted) : leaving.abort();
  Deno.addSignalListener("SIGINT", leave);
  Deno.addSignalListener("SIGTERM", leave);
  const surroundings = {
    env: Deno.env.toObject(),
    root: ROOT,
    err: (text: string) => writeAll(Deno.stderr, text),
  };
  return {
    ...surroundings,
    open: (create) => openNamed(surroundings, create),
    out: (text) => writeAll(Deno.stdout, text),
    clock: systemClock,
    signal: leaving.signal,
    actor: `cli:${userName()}`,
  };
}

function writeAll(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let written = 0; written < bytes.length;) written += to.writeSync(bytes.subarray(written));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw new PipeClosed("nobody reads the answer");
    throw error;
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "unknown"; // a container's user may have no name
  }
}

/** The gateway's own `.env`, for what is not set already. */
function loadDotEnv(): void {
  try {
    process.loadEnvFile(join(ROOT, ".env"));
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, "code") === "ENOENT") return;
    console.error(
      `Cannot read ${join(ROOT, ".env")}: ${error instanceof Error ? error.message : error}`,
    );
    Deno.exit(EXIT.config);
  }
}

if (import.meta.main) {
  loadDotEnv();
  Deno.exit(await runCli(Deno.args, processIo()));
}
