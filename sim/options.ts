/** What an engine is told when it starts, and which part of it may change while it runs. */

import type { FaultRule } from "./faults.ts";
import type { Latency } from "./latency.ts";
import type { ProfileName } from "./profile.ts";

export type StartupPhase = "weights" | "compile" | "profile" | "graphs";
export const STARTUP_PHASES: readonly StartupPhase[] = ["weights", "compile", "profile", "graphs"];

export type EngineOptions = {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly profile: ProfileName;
  /** The model's path, shown as `root`. */
  readonly model: string;
  /** The first is the name every answer carries. */
  readonly servedModelNames: readonly string[];
  readonly loraModules: readonly { readonly name: string; readonly path: string }[];
  readonly apiKeys: readonly string[];
  readonly maxModelLen: number;
  readonly maxNumSeqs: number;
  readonly maxNumBatchedTokens: number;
  /** Size of the KV cache in blocks of 16 tokens. */
  readonly numGpuBlocks: number;
  readonly prefixCaching: boolean;
  readonly schedulingPolicy: "fcfs" | "priority";
  readonly latency: Latency;
  readonly seed: number;
  readonly mode: "random" | "echo";
  /** A model that thinks first; null for one that does not. */
  readonly reasoningParser: string | null;
  readonly streamInterval: number;
  readonly forceIncludeUsage: boolean;
  readonly promptTokensDetails: boolean;
  readonly requestIdHeaders: boolean;
  readonly perRequestMetrics: boolean;
  readonly serverLoadTracking: boolean;
  readonly sleepMode: boolean;
  /** `VLLM_SERVER_DEV_MODE=1`: without it the sleep routes do not exist. */
  readonly devMode: boolean;
  readonly sleepMs: number;
  readonly wakeMs: number;
  /** How long `reload_weights` takes after a sleep of level 2. */
  readonly reloadMs: number;
  readonly keepAliveMs: number;
  /** 0 aborts what runs at SIGTERM; more drains it for as long. */
  readonly shutdownTimeoutMs: number;
  readonly startupMs: Readonly<Record<StartupPhase, number>>;
  readonly logStats: boolean;
  readonly faults: readonly FaultRule[];
};

/** An 8B model on one H100, as llm-d's latency profile has it, except that nothing jitters. */
export const DEFAULT_LATENCY: Latency = {
  timeToFirstTokenMs: 100,
  timeToFirstTokenStdDevMs: 0,
  interTokenLatencyMs: 12,
  interTokenLatencyStdDevMs: 0,
  prefillOverheadMs: 0,
  prefillTimePerTokenMs: 0,
  prefillTimeStdDevMs: 0,
  kvCacheTransferLatencyMs: 0,
  kvCacheTransferLatencyStdDevMs: 0,
  kvCacheTransferTimePerTokenMs: 0,
  kvCacheTransferTimeStdDevMs: 0,
  timeFactorUnderLoad: 1,
};

export const DEFAULT_OPTIONS: EngineOptions = {
  host: "127.0.0.1",
  port: 8000,
  profile: "main",
  model: "sim/echo-8b",
  servedModelNames: ["sim/echo-8b"],
  loraModules: [],
  apiKeys: [],
  maxModelLen: 8_192,
  maxNumSeqs: 256,
  maxNumBatchedTokens: 8_192,
  numGpuBlocks: 38_314,
  prefixCaching: true,
  schedulingPolicy: "fcfs",
  latency: DEFAULT_LATENCY,
  seed: 0,
  mode: "random",
  reasoningParser: null,
  streamInterval: 1,
  forceIncludeUsage: false,
  promptTokensDetails: false,
  requestIdHeaders: false,
  perRequestMetrics: false,
  serverLoadTracking: false,
  sleepMode: false,
  devMode: false,
  sleepMs: 420,
  wakeMs: 820,
  reloadMs: 1_700,
  keepAliveMs: 5_000,
  shutdownTimeoutMs: 0,
  startupMs: { weights: 0, compile: 0, profile: 0, graphs: 0 },
  logStats: true,
  faults: [],
};

/** The part `POST /admin/config` may change; replaced as a whole, so a change is seen whole or not at all. */
export type Live = {
  readonly latency: Latency;
  readonly maxNumSeqs: number;
  readonly mode: "random" | "echo";
  readonly seed: number;
  readonly faults: readonly FaultRule[];
};
