/** The vLLM versions the simulator can imitate, and exactly what differs between them. */

export const PROFILE_NAMES = ["main", "v0.16", "v0.10"] as const;
export type ProfileName = (typeof PROFILE_NAMES)[number];

/** One switch for each thing that changed on the wire between vLLM releases. */
export type Profile = {
  readonly name: ProfileName;
  /** What `GET /version` says, and what the fingerprint carries. */
  readonly version: string;
  /** `{"error":{…}}` since 2025-08; before, the same fields flat with `"object":"error"`. */
  readonly nestedErrors: boolean;
  /** The field that carries a model's thinking in answers. */
  readonly reasoningField: "reasoning" | "reasoning_content";
  /** `guided_json`, `guided_choice` … were requests' fields until 2025-11. */
  readonly guidedFields: boolean;
  /** `structured_outputs` replaced them. */
  readonly structuredOutputs: boolean;
  /** `vllm:kv_cache_usage_perc` since 2025-06; before, `vllm:gpu_cache_usage_perc`. */
  readonly kvCacheMetricNames: boolean;
  /** Until 2026-01 the pace per token was `vllm:time_per_output_token_seconds`. */
  readonly interTokenMetricNames: boolean;
  readonly anthropicMessages: boolean;
  readonly engineSleepStateMetric: boolean;
  /** The 404 for an unknown model names its parameter. */
  readonly modelErrorParam: boolean;
  readonly systemFingerprint: boolean;
  readonly waitingByReasonMetric: boolean;
  readonly perRequestMetrics: boolean;
  /** Own validators answer `BadRequestError`; before 2026-07 pydantic wrapped them as `Bad Request`. */
  readonly ownValidationErrors: boolean;
  readonly priorityHeader: boolean;
  readonly reasoningTokensInUsage: boolean;
  /** The longer text of the context-length error, counted with the tokens asked for. */
  readonly longContextError: boolean;
  /** Temperatures above 2 are refused. */
  readonly temperatureCapped: boolean;
  /** `torch.compile took …`; before 2026 `takes`. */
  readonly compileVerb: "took" | "takes";
  /** Failures inside a stream were reported as 400 until 2026-07. */
  readonly streamFailuresAreInternal: boolean;
};

const main: Profile = {
  name: "main",
  version: "0.24.0",
  nestedErrors: true,
  reasoningField: "reasoning",
  guidedFields: false,
  structuredOutputs: true,
  kvCacheMetricNames: true,
  interTokenMetricNames: true,
  anthropicMessages: true,
  engineSleepStateMetric: true,
  modelErrorParam: true,
  systemFingerprint: true,
  waitingByReasonMetric: true,
  perRequestMetrics: true,
  ownValidationErrors: true,
  priorityHeader: true,
  reasoningTokensInUsage: true,
  longContextError: true,
  temperatureCapped: true,
  compileVerb: "took",
  streamFailuresAreInternal: true,
};

const v016: Profile = {
  ...main,
  name: "v0.16",
  version: "0.16.0",
  systemFingerprint: false,
  waitingByReasonMetric: false,
  perRequestMetrics: false,
  ownValidationErrors: false,
  priorityHeader: false,
  reasoningTokensInUsage: false,
  longContextError: false,
  temperatureCapped: false,
  streamFailuresAreInternal: false,
};

const v010: Profile = {
  ...v016,
  name: "v0.10",
  version: "0.10.0",
  nestedErrors: false,
  reasoningField: "reasoning_content",
  guidedFields: true,
  structuredOutputs: false,
  kvCacheMetricNames: false,
  interTokenMetricNames: false,
  anthropicMessages: false,
  engineSleepStateMetric: false,
  modelErrorParam: false,
  compileVerb: "takes",
};

const PROFILES: Record<ProfileName, Profile> = { main, "v0.16": v016, "v0.10": v010 };

/** The profile of that name. */
export function profileOf(name: ProfileName): Profile {
  return PROFILES[name];
}
