/** What a start prints, and in which order. */

import assert from "node:assert/strict";
import { DEFAULT_OPTIONS } from "./options.ts";
import { startupSteps } from "./startup.ts";

const startupMs = { weights: 1_200, compile: 400, profile: 100, graphs: 300 };

Deno.test("startupSteps() prints vLLM's lines in order and waits as long as it says", () => {
  const steps = startupSteps({ ...DEFAULT_OPTIONS, startupMs });
  const lines = steps.flatMap((step) => step.lines).join("\n");
  const order = [
    "vLLM server version 0.24.0, serving model",
    "Starting to load model",
    "Loading safetensors checkpoint shards:  33% Completed | 1/3",
    "Loading weights took 1.20 seconds",
    "Dynamo bytecode transform time: 0.12 s",
    "torch.compile took 0.40 s in total",
    "GPU KV cache size: 613,024 tokens, Maximum concurrency for 8,192 tokens per request: 74.83x",
    "Graph capturing finished in 0 secs",
    "init engine (profile, create kv cache, warmup model) took 0.80 s (compilation: 0.40 s)",
  ].map((text) => lines.indexOf(text));
  assert.ok(order.every((at) => at >= 0), `${order}`);
  assert.deepEqual(order, [...order].sort((a, b) => a - b));
  assert.equal(Math.round(steps.reduce((sum, step) => sum + step.thenMs, 0)), 2_000);
});

Deno.test("startupSteps() says takes before 2026", () => {
  const lines = startupSteps({ ...DEFAULT_OPTIONS, profile: "v0.10" }).flatMap((s) => s.lines);
  assert.ok(lines.some((line) => line.startsWith("torch.compile takes")));
});
