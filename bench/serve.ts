/**
 * `deno task bench serve`: vLLM's serving benchmark in vLLM's words, against any OpenAI-compatible URL.
 * Formulas as in vLLM's `benchmarks/serve.py`, printed beside the names; unlike it, an error event in a stream and a
 * stream without a finish are failures.
 */
import { parseArgs } from "node:util";
import { askStream, type Outcome } from "./serve_request.ts";
import { arrivalsMs, type Prompt, prompts } from "./serve_load.ts";
import { median, quantiles } from "./statistics.ts";

const HELP = `deno task bench serve --url http://127.0.0.1:8000 --model NAME [--key KEY]
  --num-prompts N (100)        --request-rate R per second (inf)   --burstiness B (1 = Poisson, inf = even)
  --max-concurrency N (none)   --seed N (0)                        --goodput "ttft:200 tpot:50 e2el:5000" (ms)
  --dataset random|sharegpt-like|prefix-repetition|trace (random)
  --input-len N words (200)    --output-len N tokens (64)          --prefix-len N words (100)   --num-prefixes N (5)
  --trace FILE: JSON lines of {"at_ms", "prompt", "output_len"}    --ignore-eos   --result FILE.json`;

type Limits = { ttft?: number; tpot?: number; e2el?: number };

export async function serve(args: readonly string[]): Promise<void> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      ...{ url: { type: "string" }, model: { type: "string" }, key: { type: "string" } },
      "num-prompts": { type: "string", default: "100" },
      "request-rate": { type: "string", default: "inf" },
      burstiness: { type: "string", default: "1" },
      "max-concurrency": { type: "string" },
      ...{ seed: { type: "string", default: "0" }, goodput: { type: "string" } },
      dataset: { type: "string", default: "random" },
      "input-len": { type: "string", default: "200" },
      "output-len": { type: "string", default: "64" },
      "prefix-len": { type: "string", default: "100" },
      "num-prefixes": { type: "string", default: "5" },
      ...{ trace: { type: "string" }, result: { type: "string" } },
      ...{ "ignore-eos": { type: "boolean", default: false }, help: { type: "boolean" } },
    },
  });
  if (flags.help || flags.url === undefined || flags.model === undefined) {
    console.log(HELP);
    return;
  }
  const seed = number(flags.seed, "seed");
  const all = await prompts({
    dataset: flags.dataset,
    count: number(flags["num-prompts"], "num-prompts"),
    inputLen: number(flags["input-len"], "input-len"),
    outputLen: number(flags["output-len"], "output-len"),
    prefixLen: number(flags["prefix-len"], "prefix-len"),
    prefixes: number(flags["num-prefixes"], "num-prefixes"),
    trace: flags.trace ?? null,
    seed,
  });
  const rate = number(flags["request-rate"], "request-rate");
  const due = flags.dataset === "trace"
    ? all.map(({ atMs }) => atMs ?? 0)
    : arrivalsMs(all.length, rate, number(flags.burstiness, "burstiness"), seed);
  const slots = flags["max-concurrency"] === undefined
    ? Infinity
    : number(flags["max-concurrency"], "max-concurrency");
  const target = {
    url: flags.url.replace(/\/+$/, ""),
    ...{ model: flags.model, key: flags.key ?? null, ignoreEos: flags["ignore-eos"] },
  };
  const startMs = performance.now();
  const outcomes = await runAll(all, due, slots, (prompt) => askStream(target, prompt));
  const seconds = (performance.now() - startMs) / 1_000;
  const result = summary(outcomes, seconds, limitsOf(flags.goodput));
  print(result, rate);
  if (flags.result !== undefined) {
    const raw = { date: new Date().toISOString(), model_id: flags.model, ...result };
    await Deno.writeTextFile(flags.result, JSON.stringify(raw, null, 1));
  }
}

/** "inf" or a number of at least 0. */
function number(text: string, name: string): number {
  const value = text === "inf" ? Infinity : Number(text);
  if (!Number.isNaN(value) && value >= 0) return value;
  console.error(`Cannot use --${name} ${text}: write a number of at least 0, or inf`);
  Deno.exit(2);
}

function limitsOf(text: string | undefined): Limits | null {
  if (text === undefined) return null;
  const limits: Limits = {};
  for (const part of text.split(/\s+/)) {
    const [, name, ms] = /^(ttft|tpot|e2el):(\d+(?:\.\d+)?)$/.exec(part) ?? [];
    if (name === undefined) {
      console.error(`Cannot use --goodput ${text}: write such as "ttft:200 tpot:50 e2el:5000"`);
      Deno.exit(2);
    }
    limits[name as keyof Limits] = Number(ms);
  }
  return limits;
}

async function runAll(
  all: readonly Prompt[],
  due: readonly number[],
  slots: number,
  ask: (prompt: Prompt) => Promise<Outcome>,
): Promise<Outcome[]> {
  const startMs = performance.now();
  const waiting: (() => void)[] = [];
  let free = slots;
  return await Promise.all(all.map(async (prompt, i) => {
    const waitMs = startMs + (due[i] ?? 0) - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (free <= 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else free--;
    try {
      return await ask(prompt);
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  }));
}

type Summary = ReturnType<typeof summary>;

function summary(outcomes: readonly Outcome[], seconds: number, limits: Limits | null) {
  const good = outcomes.filter((one) => one.error === null);
  const tpot = (one: Outcome) =>
    one.outputTokens > 1 ? (one.e2elMs - one.ttftMs) / (one.outputTokens - 1) : null;
  const within = (one: Outcome) =>
    one.ttftMs <= (limits?.ttft ?? Infinity) && (tpot(one) ?? 0) <= (limits?.tpot ?? Infinity) &&
    one.e2elMs <= (limits?.e2el ?? Infinity);
  const sum = (of: (one: Outcome) => number) => good.reduce((total, one) => total + of(one), 0);
  const input = sum((one) => one.inputTokens);
  const output = sum((one) => one.outputTokens);
  return {
    completed: good.length,
    failed: outcomes.length - good.length,
    errors: [...new Set(outcomes.flatMap((one) => one.error ?? []))],
    duration: seconds,
    total_input_tokens: input,
    total_output_tokens: output,
    request_throughput: good.length / seconds,
    request_goodput: limits === null ? null : good.filter(within).length / seconds,
    output_throughput: output / seconds,
    total_token_throughput: (input + output) / seconds,
    ttft: quantiles(good.map((one) => one.ttftMs)),
    tpot: quantiles(good.flatMap((one) => tpot(one) ?? [])),
    itl: quantiles(good.flatMap((one) => one.itlMs)),
    e2el: quantiles(good.map((one) => one.e2elMs)),
    median_output_len: median(good.map((one) => one.outputTokens)),
  };
}

function print(result: Summary, rate: number): void {
  const line = (label: string, value: string | number) =>
    console.log(`${label.padEnd(40)}${typeof value === "number" ? value.toFixed(2) : value}`);
  console.log("============ Serving Benchmark Result ============");
  line("Successful requests:", String(result.completed));
  line("Failed requests:", String(result.failed));
  line("Request rate configured (RPS):", Number.isFinite(rate) ? rate : "inf");
  line("Benchmark duration (s):", result.duration);
  line("Total input tokens:", String(result.total_input_tokens));
  line("Total generated tokens:", String(result.total_output_tokens));
  line("Request throughput (req/s):", result.request_throughput);
  if (result.request_goodput !== null) line("Request goodput (req/s):", result.request_goodput);
  line("Output token throughput (tok/s):", result.output_throughput);
  line("Total token throughput (tok/s):", result.total_token_throughput);
  const blocks = [
    ["TTFT", "Time to First Token", "first chunk with choices − sent", result.ttft],
    ["TPOT", "Time per Output Token", "(E2EL − TTFT) ÷ (output tokens − 1)", result.tpot],
    ["ITL", "Inter-token Latency", "gaps between chunks with choices, pooled", result.itl],
    ["E2EL", "End-to-end Latency", "last chunk − sent", result.e2el],
  ] as const;
  for (const [short, name, formula, { mean, p50, p99 }] of blocks) {
    console.log(`--- ${name}: ${formula} ---`);
    line(`Mean ${short} (ms):`, mean);
    line(`Median ${short} (ms):`, p50);
    line(`P99 ${short} (ms):`, p99);
  }
  for (const error of result.errors.slice(0, 5)) console.log(`Failed: ${error}`);
  console.log("==================================================");
}
