/** From a checked request to a running answer: plan it, open its books, queue it. Shared by every generating API. */

import type { Context, Exchange } from "./context.ts";
import { type Choice, type FinishReason, planChoice, type Wish } from "./plan.ts";
import { hash32, seeded } from "./random.ts";
import { Run } from "./run.ts";
import type { Job, SequenceSpec } from "./sequence.ts";
import { tokenize } from "./tokenizer.ts";
import { contextError, outputLimit } from "./validate/context.ts";
import type { Sampling } from "./validate/sampling.ts";
import { type ApiError, badRequest, ENGINE_DEAD } from "./wire/errors.ts";
import type { Frame, Shape } from "./wire/shape.ts";

export type Wanted = {
  /** The answer's id, with its prefix. */
  readonly id: string;
  /** The name under which tests find it: the client's `x-request-id`, or the id without prefix. */
  readonly statsId: string;
  readonly model: string;
  readonly stream: boolean;
  readonly prompts: readonly string[];
  readonly sampling: Sampling;
  readonly maxTokensField: string;
  readonly wish: Wish;
  readonly reasoning: boolean;
  /** What `--mode echo` repeats. */
  readonly echoText: string;
  readonly shape: (frame: Frame) => Shape;
  readonly refuse: (error: ApiError) => void;
};

/** Begins the answer, or refuses it. */
export function generate(context: Context, exchange: Exchange, wanted: Wanted): void {
  const { profile, options } = context;
  const { reply, faults } = exchange;
  const prompts = wanted.prompts.map(tokenize);
  const limits: number[] = [];
  for (const [i, prompt] of prompts.entries()) {
    const asked = {
      promptTokens: prompt.length,
      promptChars: wanted.prompts[i]?.length ?? 0,
      maxTokens: wanted.sampling.maxTokens,
      parameter: wanted.maxTokensField,
    };
    const error = contextError(profile, options.maxModelLen, asked);
    if (error !== null) return wanted.refuse(error);
    const limit = outputLimit(options.maxModelLen, asked);
    if (limit < 1) return wanted.refuse(badRequest(`max_tokens must be at least 1, got ${limit}.`));
    limits.push(limit);
  }
  if (context.state === "dead") return wanted.refuse(ENGINE_DEAD);
  const choices = plan(context, exchange, wanted, prompts, limits);
  if (!Array.isArray(choices)) return wanted.refuse(choices);

  const produced = choices.map(() => 0);
  const ended = choices.map((): FinishReason | null => null);
  let job: Job | null = null;
  const frame: Frame = {
    profile,
    id: wanted.id,
    created: Math.floor(context.clock.now() / 1_000),
    model: wanted.model,
    fingerprint: context.fingerprint,
    prompts,
    choices,
    produced,
    ended,
    cached: () => job?.sequences[0]?.cachedTokens ?? 0,
    timings: () => timings(context, job),
    options: {
      promptTokensDetails: options.promptTokensDetails,
      reasoning: options.reasoningParser !== null,
      perRequestMetrics: options.perRequestMetrics,
    },
  };
  const record = context.stats.open(
    wanted.statsId,
    prompts.reduce((sum, prompt) => sum + prompt.length, 0),
  );
  const run = new Run(context, {
    reply,
    stream: wanted.stream,
    choices,
    produced,
    ended,
    shape: wanted.shape(frame),
    record,
    faults,
    refuse: wanted.refuse,
  });
  if (wanted.stream) reply.start("text/event-stream; charset=utf-8");
  if (context.state !== "serving") return run.aborted();
  const specs = specsOf(context, exchange, wanted, prompts, choices);
  job = context.scheduler.submit(wanted.id, specs, run);
  run.attach(job);
}

function plan(
  context: Context,
  exchange: Exchange,
  wanted: Wanted,
  prompts: readonly (readonly string[])[],
  limits: readonly number[],
): Choice[] | ApiError {
  const { sampling } = wanted;
  const exact = exactTokens(exchange);
  if (exact === undefined) {
    return badRequest("Header x-sim-tokens must be a whole number of at least 1");
  }
  try {
    return prompts.flatMap((_, p) =>
      Array.from({ length: sampling.n }, (_, choice) =>
        planChoice({
          seed: context.live.seed,
          salt: `${wanted.prompts[p]}\u0000${sampling.seed ?? ""}`,
          choice,
          wish: wanted.wish,
          reasoning: wanted.reasoning,
          echo: context.live.mode === "echo" ? wanted.echoText : null,
          garbled: context.sleeper.garbled,
          maxTokens: limits[p] ?? 1,
          maxTokensGiven: sampling.maxTokens !== null,
          minTokens: sampling.minTokens,
          ignoreEos: sampling.ignoreEos,
          exactTokens: exact,
          stop: sampling.stop,
          includeStop: sampling.includeStop,
        }))
    );
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return badRequest(`The simulator cannot honour this constraint: ${error.message}`);
  }
}

/** `x-sim-tokens`: null when absent, undefined when it cannot be read. */
function exactTokens(exchange: Exchange): number | null | undefined {
  const text = exchange.request.headers.get("x-sim-tokens");
  if (text === undefined) return null;
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
}

function specsOf(
  context: Context,
  exchange: Exchange,
  wanted: Wanted,
  prompts: readonly (readonly string[])[],
  choices: readonly Choice[],
): SequenceSpec[] {
  const { sampling } = wanted;
  const late = exchange.faults.find((fault) => fault.kind === "slow-first-token");
  const header = Number(exchange.request.headers.get("x-vllm-priority") ?? NaN);
  const overridden = context.profile.priorityHeader && Number.isInteger(header);
  const serverInterval = context.options.streamInterval;
  return choices.map((choice, i) => ({
    promptTokens: prompts[Math.floor(i / sampling.n)] ?? [],
    outputTokens: choice.tokens,
    finish: choice.finish,
    salt: sampling.cacheSalt,
    priority: overridden ? header : sampling.priority,
    remotePrefill: sampling.remotePrefill,
    streamInterval: wanted.stream ? Math.max(sampling.streamInterval, serverInterval) : Infinity,
    extraFirstTokenMs: late?.ms ?? 0,
    params: { n: sampling.n, maxTokens: sampling.maxTokens },
    random: seeded(hash32(wanted.id, context.live.seed + i)),
  }));
}

/** The `metrics` object. Its first-token time starts at scheduling, as in vLLM. */
function timings(context: Context, job: Job | null): string {
  const [sequence, ...others] = job?.sequences ?? [];
  if (!context.options.perRequestMetrics || sequence === undefined || others.length > 0) {
    return "null";
  }
  const ms = (value: number) => Math.round(value * 1_000) / 1_000;
  const generationMs = sequence.lastTokenMs - sequence.firstTokenMs;
  const gaps = Math.max(sequence.generated - 1, 0);
  return JSON.stringify({
    time_to_first_token_ms: ms(sequence.firstTokenMs - sequence.scheduledMs),
    generation_time_ms: ms(generationMs),
    queue_time_ms: ms(sequence.scheduledMs - sequence.arrivedMs),
    mean_itl_ms: gaps > 0 ? ms(generationMs / gaps) : null,
    tokens_per_second: generationMs > 0 ? ms(gaps / generationMs * 1_000) : null,
  });
}
