/** Starts one gateway: reads the configuration, starts a replica, says how to use it, and stops it in order. */
import { ConfigError, EXIT_CONFIG, readConfig } from "@/lib/kernel/config.ts";
import { createLog } from "@/lib/kernel/log.ts";
import { systemClock } from "@/lib/kernel/clock.ts";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { welcome } from "./replica/welcome.ts";
import { startReplica } from "./replica/replica.ts";

if (import.meta.main) await main();

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
  try {
    const replica = await startReplica({ config, log, env });
    log.info("ready", { url: replica.url, replica_id: replica.id, demo: config.fleet.site.demo });
    log.flush();
    await welcome(config, replica);
    await replica.shutdown.handleSignals();
  } catch (error) {
    log.error("cannot_start", { error: error instanceof Error ? error : new Error(String(error)) });
    log.flush();
    console.error(`Cannot start: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
  log.flush();
  Deno.exit(0);
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

function configOrExit(env: Record<string, string>) {
  try {
    return readConfig(env, Deno.readTextFileSync, fileURLToPath(new URL("./", import.meta.url)));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    Deno.exit(EXIT_CONFIG);
  }
}
