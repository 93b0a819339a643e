/**
 * What each inference route accepts. The schemas check what the gateway acts on and what no engine could serve
 * without; every other field passes through untouched, because engines grow fields faster than gateways do.
 */
import { z } from "zod";

const MESSAGES_MAX = 10_000;
const INPUTS_MAX = 10_000;

const model = z.string().min(1).max(256).describe("A model id, alias or route of GET /v1/models.");
const stream = z.boolean().nullish().describe(
  "Send server-sent events as the answer is generated.",
);
const tokens = z.int().min(0).nullish();
const streamOptions = z.looseObject({
  include_usage: z.boolean().nullish().describe("Add a last chunk with the usage and no choices."),
  continuous_usage_stats: z.boolean().nullish().describe(
    "vLLM: add the running usage to every chunk.",
  ),
}).nullish();
const choices = z.int().min(1).max(128).nullish().describe("How many choices to generate.");
const sampling = {
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  seed: z.int().nullish(),
};

/** `POST /v1/chat/completions`. */
export const chatRequest = z.looseObject({
  model,
  messages: z.array(z.looseObject({ role: z.string().min(1) })).min(1).max(MESSAGES_MAX)
    .describe("The conversation so far."),
  stream,
  stream_options: streamOptions,
  max_tokens: tokens,
  max_completion_tokens: tokens,
  n: choices,
  tools: z.array(z.looseObject({ type: z.string() })).nullish(),
  ...sampling,
});

/** `POST /v1/completions`. */
export const completionRequest = z.looseObject({
  model,
  prompt: z.union([
    z.string(),
    z.array(z.string()).min(1).max(INPUTS_MAX),
    z.array(z.int().min(0)).min(1),
    z.array(z.array(z.int().min(0)).min(1)).min(1).max(INPUTS_MAX),
  ]).describe("Text, texts, token ids or lists of token ids."),
  stream,
  stream_options: streamOptions,
  max_tokens: tokens,
  n: choices,
  ...sampling,
});

/** `POST /v1/responses`. */
export const responsesRequest = z.looseObject({
  model,
  input: z.union([z.string(), z.array(z.looseObject({})).min(1).max(MESSAGES_MAX)]),
  stream,
  max_output_tokens: tokens,
  temperature: sampling.temperature,
  top_p: sampling.top_p,
});

/** `POST /v1/messages`, the Anthropic Messages API. */
export const messagesRequest = z.looseObject({
  model,
  messages: z.array(z.looseObject({
    role: z.string().min(1),
    content: z.union([z.string(), z.array(z.looseObject({}))]),
  })).min(1).max(MESSAGES_MAX),
  max_tokens: z.int().min(1),
  stream,
  temperature: sampling.temperature,
  top_p: sampling.top_p,
});

/** `POST /v1/embeddings`. */
export const embeddingsRequest = z.looseObject({
  model,
  input: z.union([
    z.string(),
    z.array(z.string()).min(1).max(INPUTS_MAX),
    z.array(z.int().min(0)).min(1),
    z.array(z.array(z.int().min(0)).min(1)).min(1).max(INPUTS_MAX),
  ]),
  encoding_format: z.string().nullish(),
  dimensions: z.int().min(1).nullish(),
});

/** `POST /v1/rerank`. */
export const rerankRequest = z.looseObject({
  model,
  query: z.union([z.string(), z.looseObject({})]),
  documents: z.array(z.union([z.string(), z.looseObject({})])).min(1).max(INPUTS_MAX),
  top_n: z.int().min(0).nullish(),
});

/** `POST /v1/score`: one of vLLM's three spellings of the two sides. */
export const scoreRequest = z.looseObject({ model });
