/** `deno task sim`: the simulated vLLM server as a process of its own. */

import { startEngine } from "./engine.ts";
import { helpText, readFlags } from "./flags.ts";
import type { EngineOptions } from "./options.ts";

const USAGE_ERROR = 2;
const TERMINATED = 143;

const options = flags();
const starting = new AbortController();

// while it starts, a signal ends the process as it ends vLLM's
for (const name of ["SIGTERM", "SIGINT"] as const) {
  Deno.addSignalListener(name, () => starting.abort());
}
try {
  const engine = await startEngine(options, {
    log: logLine,
    onExit: (code) => Deno.exit(code),
    signal: starting.signal,
  });
  let leaving = false;
  const leave = async () => {
    if (leaving) return;
    leaving = true;
    await engine.terminate();
    Deno.exit(0);
  };
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(name, leave);
  }
} catch (error) {
  if (starting.signal.aborted) Deno.exit(TERMINATED);
  console.error(error instanceof Error ? error.message : String(error));
  Deno.exit(1);
}

function flags(): EngineOptions {
  try {
    const read = readFlags(Deno.args, (name) => Deno.env.get(name));
    if (read !== null) return read;
    console.log(helpText());
    Deno.exit(0);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    Deno.exit(USAGE_ERROR);
  }
}

/** A line as vLLM's logger writes it; uvicorn's own lines already have their form. */
function logLine(line: string): void {
  if (line.startsWith("INFO:")) return console.log(line);
  const now = new Date().toISOString();
  const stamp = `${now.slice(5, 10)} ${now.slice(11, 19)}`;
  console.log(`(APIServer pid=${Deno.pid}) INFO ${stamp} [sim.py:1] ${line}`);
}
