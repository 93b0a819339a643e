/** `deno task sim:hyperstack`: the simulated Hyperstack account as a process of its own. */

import { parseArgs } from "node:util";
import { systemClock } from "@/lib/kernel/clock.ts";
import { scaledClock } from "./clocks.ts";
import { startHyperstack } from "./start_hyperstack.ts";

const USAGE_ERROR = 2;
const DEFAULT_PORT = 8_800;
const HELP = `A simulated Hyperstack account.

  --port           the API's port (${DEFAULT_PORT}); 0 for a free one
  --speed          how many times as fast time passes (1)
  --seed           fixes durations and drawn faults (0)
  --api-key        the key to accept (sim-hyperstack-key)
  --engines        "real" (default) or "none": whether machines answer as vLLM
  --address-prefix two bytes for the machines' addresses (127.44)
  --key-pair       a key pair that every environment has (ops)
  --preemptions-per-hour  of each spot machine (0)`;

try {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      port: { type: "string" },
      speed: { type: "string" },
      seed: { type: "string" },
      "api-key": { type: "string" },
      engines: { type: "string" },
      "address-prefix": { type: "string" },
      "key-pair": { type: "string" },
      "preemptions-per-hour": { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    console.log(HELP);
    Deno.exit(0);
  }
  const engines = values.engines ?? "real";
  if (engines !== "real" && engines !== "none") {
    throw new RangeError(`Cannot use --engines ${engines}: give real or none`);
  }
  const hyperstack = await startHyperstack({
    clock: scaledClock(systemClock, number("speed", values.speed, 1)),
    seed: number("seed", values.seed, 0),
    port: number("port", values.port, DEFAULT_PORT),
    engines,
    keypairs: [values["key-pair"] ?? "ops"],
    ...(values["api-key"] === undefined ? {} : { apiKey: values["api-key"] }),
    ...(values["address-prefix"] === undefined ? {} : { addressPrefix: values["address-prefix"] }),
    faults: {
      preemptionsPerHour: number("preemptions-per-hour", values["preemptions-per-hour"], 0),
    },
    log: (line) => console.log(line),
  });
  console.log(`Simulated Hyperstack on ${hyperstack.url}, api_key ${hyperstack.apiKey}`);
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(name, async () => {
      await hyperstack.close();
      Deno.exit(0);
    });
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  Deno.exit(USAGE_ERROR);
}

function number(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && Number.isFinite(value)) return value;
  throw new RangeError(`Cannot use --${name} ${text}: give a number`);
}
