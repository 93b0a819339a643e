/** vLLM's own metrics, under the names and buckets of the imitated version. */

import { engineSeries } from "./metric_series.ts";
import { type Counter, gauge, type Histogram } from "./prometheus.ts";
import type { FinishReason } from "./plan.ts";
import type { Profile } from "./profile.ts";
import type { Books, Sequence } from "./sequence.ts";

const REASONS = ["stop", "length", "abort", "error", "repetition"];

/** What `/metrics` shows as it is now. */
export type Gauges = {
  readonly running: number;
  readonly waiting: number;
  readonly kvUsage: number;
  readonly sleep: "awake" | "weights_offloaded" | "discard_all";
};

/** Totals for the log line every ten seconds. */
export type Totals = {
  prompt: number;
  generation: number;
  cacheQueries: number;
  cacheHits: number;
};

export class Metrics implements Books {
  readonly totals: Totals = { prompt: 0, generation: 0, cacheQueries: 0, cacheHits: 0 };
  readonly #profile: Profile;
  readonly #labels: Record<string, string>;
  readonly #reasons: Map<string, Record<string, string>>;
  readonly #numBlocks: number;
  readonly #counters: Record<string, Counter>;
  readonly #histograms: Record<string, Histogram>;

  constructor(
    profile: Profile,
    options: { modelName: string; numGpuBlocks: number; maxModelLen: number; createdS: number },
  ) {
    this.#profile = profile;
    this.#labels = { model_name: options.modelName, engine: "0" };
    this.#numBlocks = options.numGpuBlocks;
    const own = this.#labels;
    this.#reasons = new Map(REASONS.map((r) => [r, { ...own, finished_reason: r }]));
    const series = engineSeries(profile, own, [...this.#reasons.values()], options);
    this.#counters = series.counters;
    this.#histograms = series.histograms;
  }

  scheduled(sequence: Sequence): void {
    const tokens = sequence.spec.promptTokens.length;
    this.totals.cacheQueries += tokens;
    this.totals.cacheHits += sequence.cachedTokens;
    this.#count("cacheQueries", tokens);
    this.#count("cacheHits", sequence.cachedTokens);
    if (sequence.generated > 0) return; // back from preemption: its prompt was counted
    this.totals.prompt += tokens;
    this.#count("prompt", tokens);
    this.#count("promptCached", sequence.cachedTokens);
    const remote = sequence.spec.remotePrefill;
    const source = (name: string, value: number) =>
      this.#counters.promptBySource?.add(value, { ...this.#labels, source: name });
    source("local_cache_hit", remote ? 0 : sequence.cachedTokens);
    source("external_kv_transfer", remote ? tokens : 0);
    source("local_compute", remote ? 0 : tokens - sequence.cachedTokens);
  }

  tokens(sequence: Sequence, count: number, gapMs: number, first: boolean): void {
    this.totals.generation += count;
    this.#count("generation", count);
    if (first) this.#see("ttft", (sequence.firstTokenMs - sequence.arrivedMs) / 1_000);
    else this.#see("gap", gapMs / 1_000);
  }

  finished(sequence: Sequence, reason: FinishReason, nowMs: number): void {
    const shown = reason === "tool_calls" ? "stop" : reason;
    this.#counters.success?.add(1, this.#reasons.get(shown) ?? this.#labels);
    this.#see("e2e", (nowMs - sequence.arrivedMs) / 1_000);
    this.#see("promptSize", sequence.spec.promptTokens.length);
    this.#see("generationSize", sequence.generated);
    this.#see("maxGeneration", sequence.spec.outputTokens.length);
    this.#see("paramN", sequence.spec.params.n);
    if (sequence.spec.params.maxTokens !== null) {
      this.#see("paramMaxTokens", sequence.spec.params.maxTokens);
    }
    if (sequence.scheduledMs === 0) return;
    this.#see("queue", (sequence.scheduledMs - sequence.arrivedMs) / 1_000);
    this.#see("inference", (nowMs - sequence.scheduledMs) / 1_000);
    this.#see("computed", sequence.spec.promptTokens.length - sequence.cachedTokens);
    if (sequence.generated === 0) return;
    this.#see("prefill", (sequence.firstTokenMs - sequence.scheduledMs) / 1_000);
    const decodeMs = nowMs - sequence.firstTokenMs;
    this.#see("decode", decodeMs / 1_000);
    if (sequence.generated > 1) this.#see("tpot", decodeMs / 1_000 / (sequence.generated - 1));
  }

  preempted(): void {
    this.#count("preemptions", 1);
  }

  iteration(tokens: number): void {
    this.#see("iteration", tokens);
  }

  /** How many requests ended in this way. */
  successes(reason: string): number {
    return this.#counters.success?.value(this.#reasons.get(reason) ?? this.#labels) ?? 0;
  }

  /** The text of `/metrics`, less the HTTP part. */
  text(now: Gauges): string {
    const own = this.#labels;
    const p = this.#profile;
    const one = (name: string, help: string, value: number) =>
      gauge(`vllm:${name}`, help, [[own, value]]);
    const parts = [
      one("num_requests_running", "Number of requests in model execution batches.", now.running),
      one("num_requests_waiting", "Number of requests waiting to be processed.", now.waiting),
    ];
    if (p.waitingByReasonMetric) {
      parts.push(
        gauge("vllm:num_requests_waiting_by_reason", "Number of waiting requests by reason.", [
          [{ ...own, reason: "capacity" }, now.waiting],
          [{ ...own, reason: "deferred" }, 0],
        ]),
      );
    }
    if (p.engineSleepStateMetric) {
      const states = ["awake", "weights_offloaded", "discard_all"];
      parts.push(gauge(
        "vllm:engine_sleep_state",
        "Engine sleep state; awake = 0 means engine is sleeping; awake = 1 means engine is awake; " +
          "weights_offloaded = 1 means sleep level 1; discard_all = 1 means sleep level 2.",
        states.map((state) => [{ ...own, sleep_state: state }, state === now.sleep ? 1 : 0]),
      ));
    }
    const usage = p.kvCacheMetricNames ? "kv_cache_usage_perc" : "gpu_cache_usage_perc";
    const usageHelp = p.kvCacheMetricNames
      ? "KV-cache usage. 1 means 100 percent usage."
      : "GPU KV-cache usage. 1 means 100 percent usage.";
    parts.push(one(usage, usageHelp, now.kvUsage));
    parts.push(...Object.values(this.#counters).map((counter) => counter.text()));
    parts.push(...Object.values(this.#histograms).map((histogram) => histogram.text()));
    parts.push(gauge("vllm:cache_config_info", "Information of the LLMEngine CacheConfig", [[
      {
        block_size: "16",
        enable_prefix_caching: "True",
        engine: "0",
        num_gpu_blocks: String(this.#numBlocks),
      },
      1,
    ]]));
    return parts.join("");
  }

  #count(name: string, value: number): void {
    this.#counters[name]?.add(value, this.#labels);
  }

  #see(name: string, value: number): void {
    this.#histograms[name]?.observe(value, this.#labels);
  }
}
