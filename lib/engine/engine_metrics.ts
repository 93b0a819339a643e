/** How busy an engine says it is, from the Prometheus text of its `/metrics`. Pure. */

/** Null is unknown: no scrape, or an engine that does not say. It is never 0 by default. */
export type EngineLoad = {
  readonly running: number | null;
  readonly waiting: number | null;
  /** Share of the KV cache in use, 0 to 1; of several engine cores, the fullest. */
  readonly kvUsage: number | null;
};

export const UNKNOWN_LOAD: EngineLoad = { running: null, waiting: null, kvUsage: null };

/** New names first: versions that changed a name exposed both for a while. Source: reference of vLLM's metrics. */
const RUNNING = [
  "vllm:num_requests_running",
  "sglang:num_running_reqs",
  "llamacpp:requests_processing",
];
const WAITING = [
  "vllm:num_requests_waiting",
  "sglang:num_queue_reqs",
  "llamacpp:requests_deferred",
];
const KV_USAGE = [
  "vllm:kv_cache_usage_perc",
  "vllm:gpu_cache_usage_perc",
  "sglang:token_usage",
  "llamacpp:kv_cache_usage_ratio",
];

/** The name, labels whose quoted values may hold anything, the value, and maybe a time. */
const SAMPLE =
  /^([A-Za-z_:][\w:]*)(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?[ \t]+(\S+)(?:[ \t]+-?\d+)?[ \t]*$/;

/** Reads the gauges we route by. A text that is no exposition, or null for a scrape that failed, is all unknown. */
export function parseEngineMetrics(text: string | null): EngineLoad {
  if (text === null) return UNKNOWN_LOAD;
  const wanted = new Set([...RUNNING, ...WAITING, ...KV_USAGE]);
  const samples = new Map<string, number[]>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, name, written] = SAMPLE.exec(line.trimEnd()) ?? [];
    if (name === undefined || !wanted.has(name)) continue;
    const value = Number(written);
    if (!Number.isFinite(value) || value < 0) continue;
    samples.set(name, [...samples.get(name) ?? [], value]);
  }
  const first = (names: readonly string[]) =>
    names.map((name) => samples.get(name)).find((values) => values !== undefined);
  const sum = (values: number[] | undefined) =>
    values === undefined ? null : values.reduce((a, b) => a + b, 0);
  const usages = first(KV_USAGE);
  return {
    running: sum(first(RUNNING)),
    waiting: sum(first(WAITING)),
    kvUsage: usages === undefined ? null : Math.max(...usages),
  };
}
