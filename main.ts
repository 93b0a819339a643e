/** Starts the gateway: reads the configuration, starts its replicas, says how to use it, and stops in order. */
import { type Config, ConfigError, EXIT_CONFIG, readConfig } from "@/lib/kernel/config.ts";
import { createLog, type Log } from "@/lib/kernel/log.ts";
import { systemClock } from "@/lib/kernel/clock.ts";
import { EXIT_SECOND_SIGNAL, type SignalHost } from "@/lib/kernel/shutdown.ts";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { replicaCount } from "./replica/replica_count.ts";
import {
  inputEnded,
  readyLine,
  REPLICA_ARGUMENT,
  replicaStarter,
} from "./replica/replica_process.ts";
import { supervise } from "./replica/supervisor.ts";
import { welcome } from "./replica/welcome.ts";

type Env = Readonly<Record<string, string>>;
type ProgramLog = Log & { flush(): void };

async function main(): Promise<void> {
  loadDotEnv();
  const env = Deno.env.toObject();
  const config = configOrExit(env);
  const encoder = new TextEncoder();
  const log = createLog({
    level: config.logLevel,
    write: (lines) => Deno.stdout.writeSync(encoder.encode(lines)),
    now: systemClock.now,
  });
  const isSupervised = Deno.args.includes(REPLICA_ARGUMENT);
  const machine = { cores: navigator.hardwareConcurrency, os: Deno.build.os };
  const count = isSupervised || env["DEV"] === "1" ? 1 : replicaCount(config, machine);
  let code = 1;
  try {
    code = count === 1
      ? await runReplica(config, env, log, isSupervised)
      : await runReplicas(config, count, log);
  } catch (error) {
    if (error instanceof ConfigError) code = EXIT_CONFIG;
    log.error("cannot_start", { error: error instanceof Error ? error : new Error(String(error)) });
    console.error(`Cannot start: ${error instanceof Error ? error.message : error}`);
  }
  log.flush();
  Deno.exit(code);
}

/** This process is the gateway, or one of several that share its port. */
async function runReplica(
  config: Config,
  env: Env,
  log: ProgramLog,
  isSupervised: boolean,
): Promise<number> {
  // The supervisor needs none of it.
  const { startReplica } = await import("./replica/replica.ts");
  const replica = await startReplica({ config, log, env, sharesPort: isSupervised });
  log.info("ready", { url: replica.url, replica_id: replica.id, demo: config.fleet.site.demo });
  log.flush();
  const notice = { url: replica.url, replicaId: replica.id, demoKey: replica.demoKey };
  if (isSupervised) {
    Deno.stdout.writeSync(new TextEncoder().encode(readyLine(notice)));
    void inputEnded(Deno.stdin.readable).then(() => replica.shutdown.stop("asked by supervisor"));
  } else welcome(config, notice);
  await replica.shutdown.handleSignals(isSupervised ? supervisedSignals : undefined);
  return 0;
}

/** A terminal's Ctrl-C reaches the supervisor too, which asks us to stop; heard twice it would be a second signal. */
const supervisedSignals: SignalHost = {
  on: (signal, heard) => process.on(signal, signal === "SIGINT" ? () => {} : heard),
  off: () => {},
  exit: (code) => Deno.exit(code),
};

/** This process starts the others and looks after them. */
async function runReplicas(config: Config, count: number, log: ProgramLog): Promise<number> {
  const start = await replicaStarter((bytes) => Deno.stdout.writeSync(bytes));
  const supervisor = supervise(count, { start, clock: systemClock, log });
  let signals = 0;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      signals++;
      if (signals === 1) return supervisor.stop();
      supervisor.kill();
      Deno.exit(EXIT_SECOND_SIGNAL);
    });
  }
  const first = await supervisor.firstReady;
  if (first !== null) welcome(config, first);
  return await supervisor.ended;
}

/** `.env` beside main.ts, for what is not set already. */
function loadDotEnv(): void {
  try {
    // process.loadEnvFile leaves what is set alone, as every dotenv does
    process.loadEnvFile(fileURLToPath(new URL("./.env", import.meta.url)));
  } catch (error) {
    if (!(error instanceof Error && Reflect.get(error, "code") === "ENOENT")) throw error;
  }
}

function configOrExit(env: Env): Config {
  try {
    return readConfig(env, Deno.readTextFileSync, fileURLToPath(new URL("./", import.meta.url)));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    Deno.exit(EXIT_CONFIG);
  }
}

if (import.meta.main) await main();
