/**
 * What each inference route accepts. The schemas check what the gateway acts on and what no engine could serve
 * without; every other field passes through untouched, because engines grow fields faster than gateways do.
 */
import { z } from "zod";

export const MODEL_CHARS_MAX = 256;
export const MESSAGES_MAX = 10_000;
const INPUTS_MAX = 10_000;

const model = z.string().min(1).max(MODEL_CHARS_MAX).describe(
  "A model id, alias or route of GET /v1/models.",
);
const stream = z.boolean().nullish().describe(
  "Send server-sent events as the answer is generated.",
);
const tokens = z.int().min(0).nullish().describe("The most tokens to generate.");
const encodingFormat = z.string().nullish().describe(
  "`float` or `base64`, as the engine knows it.",
);
const streamOptions = z.looseObject({
  include_usage: z.boolean().nullish().describe("Add a last chunk with the usage and no choices."),
  continuous_usage_stats: z.boolean().nullish().describe(
    "vLLM: add the running usage to every chunk.",
  ),
}).nullish().describe("What a stream reports besides its text.");
const choices = z.int().min(1).max(128).nullish().describe("How many choices to generate.");
const sampling = {
  temperature: z.number().nullish().describe(
    "How much chance there is in the choice of tokens; 0 is none.",
  ),
  top_p: z.number().nullish().describe(
    "Choose among the likeliest tokens that add up to this share.",
  ),
  stop: z.union([z.string(), z.array(z.string())]).nullish().describe(
    "Texts that end the answer where they appear.",
  ),
  seed: z.int().nullish().describe("Makes sampling repeatable, as far as the engine can."),
};

/** `POST /v1/chat/completions`. */
export const chatRequest = z.looseObject({
  model,
  messages: z.array(
    z.looseObject({
      role: z.string().min(1).describe(
        "`system`, `user`, `assistant`, `tool` and what else the model's template knows.",
      ),
    }),
  ).min(1).max(MESSAGES_MAX).describe("The conversation so far."),
  stream,
  stream_options: streamOptions,
  max_tokens: tokens,
  max_completion_tokens: tokens,
  n: choices,
  tools: z.array(
    z.looseObject({ type: z.string().describe("`function`, as OpenAI writes it.") }),
  ).nullish().describe("Functions the model may call."),
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
  input: z.union([z.string(), z.array(z.looseObject({})).min(1).max(MESSAGES_MAX)])
    .describe("A text, or the items of the conversation so far."),
  stream,
  max_output_tokens: tokens,
  temperature: sampling.temperature,
  top_p: sampling.top_p,
});

/** `POST /v1/messages`, the Anthropic Messages API. */
export const messagesRequest = z.looseObject({
  model,
  messages: z.array(z.looseObject({
    role: z.string().min(1).describe("`user` or `assistant`."),
    content: z.union([z.string(), z.array(z.looseObject({}))])
      .describe("A text, or content blocks."),
  })).min(1).max(MESSAGES_MAX).describe("The conversation so far."),
  max_tokens: z.int().min(1).describe("The most tokens to generate."),
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
  ]).describe("Text, texts, token ids or lists of token ids."),
  encoding_format: encodingFormat,
  dimensions: z.int().min(1).nullish().describe("Shorter vectors, where the model can make them."),
});

/** `POST /v1/rerank`. */
export const rerankRequest = z.looseObject({
  model,
  query: z.union([z.string(), z.looseObject({})]).describe("What the documents are to answer."),
  documents: z.array(z.union([z.string(), z.looseObject({})])).min(1).max(INPUTS_MAX)
    .describe("The documents to order."),
  top_n: z.int().min(0).nullish().describe("Answer only the best so many."),
});

/** `POST /v1/score`: one of vLLM's three spellings of the two sides. */
export const scoreRequest = z.looseObject({ model });
