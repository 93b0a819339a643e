/** Names, help texts and buckets of vLLM's engine series. Source: `vllm/v1/metrics/loggers.py`. */

import type { Profile } from "./profile.ts";
import { Counter, Histogram } from "./prometheus.ts";

const TTFT_S = numbers(
  ".001 .005 .01 .02 .04 .06 .08 .1 .25 .5 .75 1 2.5 5 7.5 10 20 40 80 160 640 2560",
);
const PER_TOKEN_S = numbers(
  ".01 .025 .05 .075 .1 .15 .2 .3 .4 .5 .75 1 2.5 5 7.5 10 20 40 80",
);
const REQUEST_S = numbers(
  ".3 .5 .8 1 1.5 2 2.5 5 10 15 20 30 40 50 60 120 240 480 960 1920 7680",
);
const ITERATION_TOKENS = numbers("1 8 16 32 64 128 256 512 1024 2048 4096 8192 16384");
const PARAM_N = numbers("1 2 5 10 20");

export type Labels = Record<string, string>;
export type Series = {
  readonly counters: Record<string, Counter>;
  readonly histograms: Record<string, Histogram>;
};

/** Every counter and histogram of one engine, at zero. `reasons` are the label sets of finished requests. */
export function engineSeries(
  profile: Profile,
  own: Labels,
  reasons: readonly Labels[],
  options: { maxModelLen: number; createdS: number },
): Series {
  const counter = (name: string, help: string, starts: readonly Labels[] = [own]) =>
    new Counter(`vllm:${name}`, help, options.createdS, starts);
  const histogram = (name: string, help: string, buckets: readonly number[]) =>
    new Histogram(`vllm:${name}`, help, buckets, options.createdS, [own]);
  const sizes = oneTwoFive(options.maxModelLen);
  const cache = profile.kvCacheMetricNames ? "prefix_cache" : "gpu_prefix_cache";
  const sources = ["local_compute", "local_cache_hit", "external_kv_transfer"];
  const counters = {
    cacheQueries: counter(
      `${cache}_queries`,
      "Prefix cache queries, in terms of number of queried tokens.",
    ),
    cacheHits: counter(
      `${cache}_hits`,
      "Prefix cache hits, in terms of number of cached tokens.",
    ),
    preemptions: counter("num_preemptions", "Cumulative number of preemption from the engine."),
    prompt: counter("prompt_tokens", "Number of prefill tokens processed."),
    promptBySource: counter(
      "prompt_tokens_by_source",
      "Number of prompt tokens by source.",
      sources.map((source) => ({ ...own, source })),
    ),
    promptCached: counter("prompt_tokens_cached", "Number of cached prompt tokens."),
    generation: counter("generation_tokens", "Number of generation tokens processed."),
    externalQueries: counter(
      "external_prefix_cache_queries",
      "External prefix cache queries from KV connector cross-instance cache sharing.",
    ),
    externalHits: counter(
      "external_prefix_cache_hits",
      "External prefix cache hits from KV connector cross-instance cache sharing.",
    ),
    mmQueries: counter("mm_cache_queries", "Multi-modal cache queries, in terms of items."),
    mmHits: counter("mm_cache_hits", "Multi-modal cache hits, in terms of items."),
    success: counter("request_success", "Count of successfully processed requests.", reasons),
  };
  const histograms = {
    iteration: histogram(
      "iteration_tokens_total",
      "Histogram of number of tokens per engine_step.",
      ITERATION_TOKENS,
    ),
    ttft: histogram(
      "time_to_first_token_seconds",
      "Histogram of time to first token in seconds.",
      TTFT_S,
    ),
    ...(profile.interTokenMetricNames
      ? {
        gap: histogram(
          "inter_token_latency_seconds",
          "Histogram of inter-token latency in seconds.",
          PER_TOKEN_S,
        ),
        tpot: histogram(
          "request_time_per_output_token_seconds",
          "Histogram of time_per_output_token_seconds per request.",
          PER_TOKEN_S,
        ),
      }
      : {
        gap: histogram(
          "time_per_output_token_seconds",
          "Histogram of time per output token in seconds.",
          PER_TOKEN_S,
        ),
      }),
    e2e: histogram(
      "e2e_request_latency_seconds",
      "Histogram of e2e request latency in seconds.",
      REQUEST_S,
    ),
    queue: histogram(
      "request_queue_time_seconds",
      "Histogram of time spent in WAITING phase for request.",
      REQUEST_S,
    ),
    inference: histogram(
      "request_inference_time_seconds",
      "Histogram of time spent in RUNNING phase for request.",
      REQUEST_S,
    ),
    prefill: histogram(
      "request_prefill_time_seconds",
      "Histogram of time spent in PREFILL phase for request.",
      REQUEST_S,
    ),
    decode: histogram(
      "request_decode_time_seconds",
      "Histogram of time spent in DECODE phase for request.",
      REQUEST_S,
    ),
    promptSize: histogram("request_prompt_tokens", "Number of prefill tokens processed.", sizes),
    generationSize: histogram(
      "request_generation_tokens",
      "Number of generation tokens processed.",
      sizes,
    ),
    maxGeneration: histogram(
      "request_max_num_generation_tokens",
      "Histogram of maximum number of requested generation tokens.",
      sizes,
    ),
    paramN: histogram("request_params_n", "Histogram of the n request parameter.", PARAM_N),
    paramMaxTokens: histogram(
      "request_params_max_tokens",
      "Histogram of the max_tokens request parameter.",
      sizes,
    ),
    computed: histogram(
      "request_prefill_kv_computed_tokens",
      "Histogram of new KV tokens computed during prefill (excluding cached tokens).",
      sizes,
    ),
  };
  return { counters, histograms };
}

function numbers(text: string): number[] {
  return text.split(" ").map(Number);
}

/** 1, 2, 5, 10, 20, 50 … up to `max`. Source: vLLM's `build_1_2_5_buckets`. */
function oneTwoFive(max: number): number[] {
  const out: number[] = [];
  for (let ten = 1;; ten *= 10) {
    for (const step of [1, 2, 5]) {
      if (step * ten > max) return out;
      out.push(step * ten);
    }
  }
}
