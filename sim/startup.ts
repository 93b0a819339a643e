/** The cold start: the phases before the port opens, and the lines vLLM logs in them. */

import { type Clock, millis } from "@/lib/kernel/clock.ts";
import { BLOCK_TOKENS } from "./kv_cache.ts";
import { type EngineOptions, STARTUP_PHASES, type StartupPhase } from "./options.ts";
import { profileOf } from "./profile.ts";

const SHARDS = 3;
const WEIGHTS_GIB = 7.6;

/** One step of the start: lines to print, then time to pass. */
export type StartupStep = { readonly lines: readonly string[]; readonly thenMs: number };

/** Goes through the phases; the port is closed meanwhile. */
export async function runStartup(
  options: EngineOptions,
  clock: Clock,
  log: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  for (const step of startupSteps(options)) {
    for (const line of step.lines) log(line);
    if (step.thenMs > 0) await clock.sleep(millis(step.thenMs), signal);
    signal?.throwIfAborted();
  }
}

/** Everything a start prints and waits for, in order. */
export function startupSteps(options: EngineOptions): StartupStep[] {
  const phases: Record<StartupPhase, (ms: number) => StartupStep[]> = {
    weights: (ms) => weights(options, ms),
    compile: (ms) => compile(options, ms),
    profile: (ms) => profileMemory(options, ms),
    graphs,
  };
  const initMs = options.startupMs.compile + options.startupMs.profile + options.startupMs.graphs;
  return [
    { lines: opening(options), thenMs: 0 },
    ...STARTUP_PHASES.flatMap((phase) => phases[phase](options.startupMs[phase])),
    {
      lines: [
        `init engine (profile, create kv cache, warmup model) took ${seconds(initMs)} s ` +
        `(compilation: ${seconds(options.startupMs.compile)} s)`,
      ],
      thenMs: 0,
    },
  ];
}

function opening(options: EngineOptions): string[] {
  const { version } = profileOf(options.profile);
  return [
    `vLLM server version ${version}, serving model ${options.model}`,
    `non-default args: {'model': '${options.model}', 'port': ${options.port}, ` +
    `'served_model_name': [${options.servedModelNames.map((name) => `'${name}'`).join(", ")}]}`,
    "Resolved architecture: SimulatedForCausalLM",
    `Using max model len ${options.maxModelLen}`,
    `Chunked prefill is enabled with max_num_batched_tokens=${options.maxNumBatchedTokens}.`,
    `Initializing a V1 LLM engine (v${version}) with config: model='${options.model}', ` +
    `seed=${options.seed}, enable_prefix_caching=${options.prefixCaching ? "True" : "False"}`,
    "rank 0 in world size 1 is assigned as DP rank 0, PP rank 0, TP rank 0, EP rank 0",
  ];
}

function weights(options: EngineOptions, ms: number): StartupStep[] {
  const steps: StartupStep[] = [{
    lines: [`Starting to load model ${options.model}...`],
    thenMs: 0,
  }];
  for (let done = 0; done <= SHARDS; done++) {
    const percent = String(Math.floor((done / SHARDS) * 100)).padStart(3);
    steps.push({
      lines: [`Loading safetensors checkpoint shards: ${percent}% Completed | ${done}/${SHARDS}`],
      thenMs: done < SHARDS ? ms / SHARDS : 0,
    });
  }
  steps.push({
    lines: [
      `Loading weights took ${seconds(ms)} seconds`,
      `Model loading took ${WEIGHTS_GIB} GiB memory and ${(ms / 1_000).toFixed(6)} seconds`,
    ],
    thenMs: 0,
  });
  return steps;
}

function compile(options: EngineOptions, ms: number): StartupStep[] {
  const dynamoMs = ms * 0.3;
  const graphMs = ms - dynamoMs;
  const range = `(1, ${options.maxNumBatchedTokens})`;
  const { compileVerb } = profileOf(options.profile);
  return [
    { lines: [], thenMs: dynamoMs },
    { lines: [`Dynamo bytecode transform time: ${seconds(dynamoMs)} s`], thenMs: graphMs },
    {
      lines: [
        `Compiling a graph for compile range ${range} takes ${seconds(graphMs)} s`,
        `torch.compile ${compileVerb} ${seconds(ms)} s in total`,
      ],
      thenMs: 0,
    },
  ];
}

function profileMemory(options: EngineOptions, ms: number): StartupStep[] {
  const tokens = options.numGpuBlocks * BLOCK_TOKENS;
  const times = (tokens / options.maxModelLen).toFixed(2);
  return [
    { lines: [], thenMs: ms },
    {
      lines: [
        "Available KV cache memory: 74.83 GiB",
        `GPU KV cache size: ${grouped(tokens)} tokens, Maximum concurrency for ` +
        `${grouped(options.maxModelLen)} tokens per request: ${times}x`,
      ],
      thenMs: 0,
    },
  ];
}

function graphs(ms: number): StartupStep[] {
  return [
    {
      lines: ["Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):   0%|          | 0/67"],
      thenMs: ms,
    },
    {
      lines: [
        "Capturing CUDA graphs (mixed prefill-decode, PIECEWISE): 100%|██████████| 67/67",
        `Graph capturing finished in ${(ms / 1_000).toFixed(0)} secs, took 0.62 GiB`,
      ],
      thenMs: 0,
    },
  ];
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(2);
}

function grouped(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
}
