/** The command line: vLLM's and llm-d-inference-sim's flag names, and the simulator's own. */

import { parseArgs } from "node:util";
import { parseFaults } from "./faults.ts";
import type { Latency } from "./latency.ts";
import {
  DEFAULT_OPTIONS,
  type EngineOptions,
  STARTUP_PHASES,
  type StartupPhase,
} from "./options.ts";
import { PROFILE_NAMES } from "./profile.ts";

/** Every flag with what it takes, as `--help` prints them. Durations are milliseconds, or end in us, ms, s or m. */
const FLAGS = {
  "host": "text; where to listen (127.0.0.1)",
  "port": "number; 0 chooses a free port (8000)",
  "profile": `${PROFILE_NAMES.join("|")}; the vLLM version to imitate (main)`,
  "model": "text; the model's path, shown as root",
  "served-model-name": "text, repeatable; the first is the name answers carry (the model)",
  "lora-modules": "name=path, repeatable; adapters",
  "api-key": "text, repeatable; also VLLM_API_KEY",
  "max-model-len": "tokens (8192)",
  "max-num-seqs": "number; requests that run at once (256)",
  "max-num-batched-tokens": "tokens; prefill budget of one engine step (8192)",
  "num-gpu-blocks-override": "number; KV blocks of 16 tokens (38314)",
  "no-enable-prefix-caching": "switch",
  "scheduling-policy": "fcfs|priority (fcfs)",
  "reasoning-parser": "text; the model thinks before it answers",
  "stream-interval": "tokens in one chunk (1)",
  "enable-force-include-usage": "switch",
  "enable-prompt-tokens-details": "switch",
  "enable-request-id-headers": "switch",
  "enable-per-request-metrics": "switch",
  "enable-server-load-tracking": "switch",
  "enable-sleep-mode": "switch; the routes need VLLM_SERVER_DEV_MODE=1 too",
  "disable-log-stats": "switch; no line every ten seconds",
  "timeout-keep-alive": "seconds an idle connection stays open (5)",
  "shutdown-timeout": "seconds SIGTERM drains for; 0 aborts (0)",
  "seed": "number (0)",
  "mode": "random|echo (random)",
  "time-to-first-token": "duration (100)",
  "time-to-first-token-std-dev": "duration (0)",
  "inter-token-latency": "duration (12)",
  "inter-token-latency-std-dev": "duration (0)",
  "prefill-overhead": "duration; used when time-to-first-token is 0",
  "prefill-time-per-token": "duration; likewise",
  "prefill-time-std-dev": "duration; likewise",
  "kv-cache-transfer-latency": "duration; for prompts prefilled elsewhere",
  "kv-cache-transfer-latency-std-dev": "duration",
  "kv-cache-transfer-time-per-token": "duration",
  "kv-cache-transfer-time-std-dev": "duration",
  "time-factor-under-load": "number of at least 1; slow-down when every slot is taken (1)",
  "startup": "weights=S,compile=S,profile=S,graphs=S; seconds of each phase",
  "startup-seconds": "seconds of the whole start, shared out over the phases",
  "sleep-seconds": "seconds POST /sleep takes (0.42)",
  "wake-seconds": "seconds POST /wake_up takes (0.82)",
  "reload-seconds": "seconds reload_weights takes (1.7)",
  "fault": "kind[:name=value,…][@rate], repeatable; see faults.ts",
  "help": "switch",
} as const;

type Flag = keyof typeof FLAGS;

/** Shares of a whole start, after the cold-start figures of an 8B model. */
const STARTUP_SHARES: Record<StartupPhase, number> = {
  weights: 0.35,
  compile: 0.4,
  profile: 0.05,
  graphs: 0.2,
};

/** The text of `--help`. */
export function helpText(): string {
  const lines = Object.entries(FLAGS).map(([name, about]) => `  --${name.padEnd(36)}${about}`);
  return ["A simulated vLLM server.", "", ...lines].join("\n");
}

/**
 * Reads flags and environment.
 * @returns null when help was asked for.
 * @throws RangeError naming the flag that cannot be used and what would do.
 */
export function readFlags(
  args: readonly string[],
  env: (name: string) => string | undefined,
): EngineOptions | null {
  const given = parse(args);
  if (given.on("help")) return null;
  const d = DEFAULT_OPTIONS;
  const model = given.one("model") ?? given.all("served-model-name")[0] ?? d.model;
  const names = given.all("served-model-name");
  const keys = given.all("api-key");
  const envKey = env("VLLM_API_KEY");
  return {
    host: given.one("host") ?? d.host,
    port: given.whole("port", d.port, 0),
    profile: given.oneOf("profile", PROFILE_NAMES, d.profile),
    model,
    servedModelNames: names.length > 0 ? names : [model],
    loraModules: given.all("lora-modules").map(readLora),
    apiKeys: keys.length > 0 ? keys : envKey ? [envKey] : [],
    maxModelLen: given.whole("max-model-len", d.maxModelLen, 1),
    maxNumSeqs: given.whole("max-num-seqs", d.maxNumSeqs, 1),
    maxNumBatchedTokens: given.whole("max-num-batched-tokens", d.maxNumBatchedTokens, 1),
    numGpuBlocks: given.whole("num-gpu-blocks-override", d.numGpuBlocks, 1),
    prefixCaching: !given.on("no-enable-prefix-caching"),
    schedulingPolicy: given.oneOf("scheduling-policy", ["fcfs", "priority"], d.schedulingPolicy),
    latency: readLatency(given),
    seed: given.whole("seed", d.seed, 0),
    mode: given.oneOf("mode", ["random", "echo"], d.mode),
    reasoningParser: given.one("reasoning-parser") ?? null,
    streamInterval: given.whole("stream-interval", d.streamInterval, 1),
    forceIncludeUsage: given.on("enable-force-include-usage"),
    promptTokensDetails: given.on("enable-prompt-tokens-details"),
    requestIdHeaders: given.on("enable-request-id-headers"),
    perRequestMetrics: given.on("enable-per-request-metrics"),
    serverLoadTracking: given.on("enable-server-load-tracking"),
    sleepMode: given.on("enable-sleep-mode"),
    devMode: env("VLLM_SERVER_DEV_MODE") === "1",
    sleepMs: given.seconds("sleep-seconds", d.sleepMs),
    wakeMs: given.seconds("wake-seconds", d.wakeMs),
    reloadMs: given.seconds("reload-seconds", d.reloadMs),
    keepAliveMs: given.seconds("timeout-keep-alive", d.keepAliveMs),
    shutdownTimeoutMs: given.seconds("shutdown-timeout", d.shutdownTimeoutMs),
    startupMs: readStartup(given),
    logStats: !given.on("disable-log-stats"),
    faults: given.all("fault").flatMap(parseFaults),
  };
}

type Given = ReturnType<typeof parse>;

function parse(args: readonly string[]) {
  const options = Object.fromEntries(
    Object.entries(FLAGS).map(([name, about]) => [
      name,
      { type: about.startsWith("switch") ? "boolean" as const : "string" as const, multiple: true },
    ]),
  );
  let values: Record<string, (string | boolean)[] | undefined>;
  try {
    // every flag is declared multiple, so each value is a list
    values = parseArgs({ args: [...args], options, strict: true }).values as typeof values;
  } catch (error) {
    throw new RangeError(error instanceof Error ? error.message : String(error));
  }
  const all = (name: Flag): string[] => (values[name] ?? []).filter((v) => typeof v === "string");
  const one = (name: Flag): string | undefined => all(name).at(-1);
  const number = (name: Flag, text: string): number => {
    const value = text.trim() === "" ? NaN : Number(text);
    if (!(value >= 0 && Number.isFinite(value))) {
      throw new RangeError(`Cannot use --${name} ${text}: give a number`);
    }
    return value;
  };
  return {
    all,
    one,
    on: (name: Flag): boolean => values[name] !== undefined,
    number: (name: Flag, fallback: number): number => {
      const text = one(name);
      return text === undefined ? fallback : number(name, text);
    },
    whole(name: Flag, fallback: number, least: number): number {
      const text = one(name);
      const value = text === undefined ? fallback : number(name, text);
      if (Number.isInteger(value) && value >= least) return value;
      throw new RangeError(
        `Cannot use --${name} ${text}: give a whole number of at least ${least}`,
      );
    },
    seconds(name: Flag, fallbackMs: number): number {
      const text = one(name);
      return text === undefined ? fallbackMs : number(name, text) * 1_000;
    },
    oneOf<T extends string>(name: Flag, known: readonly T[], fallback: T): T {
      const text = one(name);
      if (text === undefined) return fallback;
      const found = known.find((word) => word === text);
      if (found !== undefined) return found;
      throw new RangeError(`Cannot use --${name} ${text}: choose one of ${known.join(", ")}`);
    },
  };
}

function readLatency(given: Given): Latency {
  const d = DEFAULT_OPTIONS.latency;
  const ms = (name: Flag, fallback: number) => {
    const text = given.one(name);
    return text === undefined ? fallback : durationMs(name, text);
  };
  const factor = given.number("time-factor-under-load", d.timeFactorUnderLoad);
  if (factor < 1) throw new RangeError("Cannot use --time-factor-under-load: give at least 1");
  return {
    timeToFirstTokenMs: ms("time-to-first-token", d.timeToFirstTokenMs),
    timeToFirstTokenStdDevMs: ms("time-to-first-token-std-dev", d.timeToFirstTokenStdDevMs),
    interTokenLatencyMs: ms("inter-token-latency", d.interTokenLatencyMs),
    interTokenLatencyStdDevMs: ms("inter-token-latency-std-dev", d.interTokenLatencyStdDevMs),
    prefillOverheadMs: ms("prefill-overhead", d.prefillOverheadMs),
    prefillTimePerTokenMs: ms("prefill-time-per-token", d.prefillTimePerTokenMs),
    prefillTimeStdDevMs: ms("prefill-time-std-dev", d.prefillTimeStdDevMs),
    kvCacheTransferLatencyMs: ms("kv-cache-transfer-latency", d.kvCacheTransferLatencyMs),
    kvCacheTransferLatencyStdDevMs: ms(
      "kv-cache-transfer-latency-std-dev",
      d.kvCacheTransferLatencyStdDevMs,
    ),
    kvCacheTransferTimePerTokenMs: ms(
      "kv-cache-transfer-time-per-token",
      d.kvCacheTransferTimePerTokenMs,
    ),
    kvCacheTransferTimeStdDevMs: ms(
      "kv-cache-transfer-time-std-dev",
      d.kvCacheTransferTimeStdDevMs,
    ),
    timeFactorUnderLoad: factor,
  };
}

/** `12`, `12ms`, `250us`, `1.5s` or `2m`, in milliseconds. */
function durationMs(name: Flag, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(us|ms|s|m)?$/.exec(text.trim());
  if (match === null) throw new RangeError(`Cannot use --${name} ${text}: give for example 12ms`);
  const scale = { us: 0.001, ms: 1, s: 1_000, m: 60_000 }[match[2] ?? "ms"] ?? 1;
  return Number(match[1]) * scale;
}

function readStartup(given: Given): Record<StartupPhase, number> {
  const wholeMs = given.seconds("startup-seconds", 0);
  const out = { weights: 0, compile: 0, profile: 0, graphs: 0 };
  for (const phase of STARTUP_PHASES) out[phase] = wholeMs * STARTUP_SHARES[phase];
  for (const pair of (given.one("startup") ?? "").split(",").filter((part) => part !== "")) {
    const [name, text = ""] = pair.split("=");
    const phase = STARTUP_PHASES.find((known) => known === name);
    const value = Number(text);
    if (phase === undefined || text === "" || !(value >= 0)) {
      throw new RangeError(
        `Cannot read "${pair}" in --startup: give ${STARTUP_PHASES.join("=S,")}=S`,
      );
    }
    out[phase] = value * 1_000;
  }
  return out;
}

function readLora(text: string): { name: string; path: string } {
  const [name = "", ...path] = text.split("=");
  if (name === "" || path.length === 0) {
    throw new RangeError(`Cannot use --lora-modules ${text}: give name=path`);
  }
  return { name, path: path.join("=") };
}
