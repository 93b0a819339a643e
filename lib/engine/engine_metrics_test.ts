import { deepEqual } from "node:assert/strict";
import { parseEngineMetrics } from "./engine_metrics.ts";

const NEW = `# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_waiting{engine="0",model_name="m"} 2.0
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 99.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
`;

Deno.test("parseEngineMetrics() reads the present names", () => {
  deepEqual(parseEngineMetrics(NEW), { running: 3, waiting: 2, kvUsage: 0.25 });
});

Deno.test("parseEngineMetrics() reads the old cache name, and the new one where both stand", () => {
  const old = 'vllm:gpu_cache_usage_perc{model_name="m"} 0.5\n';
  deepEqual(parseEngineMetrics(old), { running: null, waiting: null, kvUsage: 0.5 });
  deepEqual(parseEngineMetrics(old + NEW).kvUsage, 0.25);
});

Deno.test("parseEngineMetrics() adds the requests of several cores and takes the fullest cache", () => {
  const two = NEW + NEW.replaceAll('engine="0"', 'engine="1"').replace("0.25", "0.75");
  deepEqual(parseEngineMetrics(two), { running: 6, waiting: 4, kvUsage: 0.75 });
});

Deno.test("parseEngineMetrics() is not confused by labels, times, carriage returns and exponents", () => {
  const odd = 'vllm:num_requests_running{model_name="a} 7 \\" b"} 1.2e1 1700000000000\r\n' +
    "vllm:num_requests_waiting 0\n";
  deepEqual(parseEngineMetrics(odd), { running: 12, waiting: 0, kvUsage: null });
});

Deno.test("parseEngineMetrics() calls what is missing or no number unknown, never 0", () => {
  const unknown = { running: null, waiting: null, kvUsage: null };
  deepEqual(parseEngineMetrics(null), unknown);
  deepEqual(parseEngineMetrics(""), unknown);
  deepEqual(parseEngineMetrics("<html>not here</html>"), unknown);
  deepEqual(
    parseEngineMetrics("vllm:num_requests_running NaN\nvllm:kv_cache_usage_perc -1"),
    unknown,
  );
});
