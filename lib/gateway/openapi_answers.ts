/**
 * What answers look like, for the API's description. Engines write them and the gateway passes them on, so these
 * schemas name what clients rely on and leave the rest open; the tests hold them against recorded answers.
 */
import { z } from "zod";
import { BANDS, MODEL_KINDS } from "@/lib/kernel/fleet_file.ts";

const count = z.int().min(0);
const usage = z.looseObject({
  prompt_tokens: count,
  completion_tokens: count.optional(),
  total_tokens: count,
}).describe("What the request consumed; the same numbers stand in its usage row.");
const created = z.int().describe("Unix seconds.");
const finishReason = z.string().nullable().describe(
  "`stop`, `length`, `tool_calls`, …; null while a stream runs.",
);

const chat = z.looseObject({
  id: z.string(),
  object: z.literal("chat.completion"),
  created,
  model: z.string(),
  choices: z.array(z.looseObject({
    index: count,
    message: z.looseObject({ role: z.string(), content: z.string().nullable() }),
    finish_reason: finishReason,
  })),
  usage,
});

const completion = z.looseObject({
  id: z.string(),
  object: z.literal("text_completion"),
  created,
  model: z.string(),
  choices: z.array(z.looseObject({ index: count, text: z.string(), finish_reason: finishReason })),
  usage,
});

const responses = z.looseObject({
  id: z.string(),
  object: z.literal("response"),
  created_at: created,
  model: z.string(),
  status: z.string(),
  output: z.array(z.looseObject({ type: z.string() })),
});

const messages = z.looseObject({
  id: z.string(),
  type: z.literal("message"),
  role: z.literal("assistant"),
  model: z.string(),
  content: z.array(z.looseObject({ type: z.string() })),
  stop_reason: z.string().nullable(),
  usage: z.looseObject({ input_tokens: count, output_tokens: count }),
});

const embeddings = z.looseObject({
  object: z.literal("list"),
  model: z.string(),
  data: z.array(z.looseObject({
    index: count,
    object: z.literal("embedding"),
    embedding: z.union([z.array(z.number()), z.string()]).describe(
      "Numbers, or base64 of little-endian 32-bit floats.",
    ),
  })),
  usage,
});

const rerank = z.looseObject({
  model: z.string(),
  results: z.array(z.looseObject({
    index: count.describe("Where the document stood in the request."),
    relevance_score: z.number(),
  })),
  usage,
});

const score = z.looseObject({
  model: z.string(),
  data: z.array(z.looseObject({ index: count, score: z.number() })),
  usage,
});

const state = z.enum([
  "Active",
  "Sleeping",
  "Warming up",
  "Cooling down",
  "Cold",
  "Failed",
]);
const etaS = z.number().min(0).nullable().describe(
  "Seconds until a request would be served: 0 when Active, from the tier's own history otherwise, null when there is none.",
);

const model = z.object({
  id: z.string(),
  object: z.literal("model"),
  created: created.describe("When this lineup came into force, Unix seconds."),
  owned_by: z.string().describe("The model's vendor."),
  emberlane: z.object({
    name: z.string(),
    kind: z.enum(MODEL_KINDS),
    context_tokens: count,
    aliases: z.array(z.string()),
    state: state.describe("The best state among the tiers that serve it."),
    eta_s: etaS,
    tiers: z.array(z.object({
      name: z.string(),
      band: z.enum(BANDS),
      state,
      eta_s: etaS,
      price_usd_per_mtok: z.object({ input: z.string(), output: z.string() }).nullable()
        .describe("US dollars per million tokens, exact decimals; null: no charge is set."),
    })),
  }).describe("What this gateway knows beyond OpenAI's model object."),
});

const error = z.object({
  error: z.object({
    message: z.string().describe("What could not be done, the value, and what would do."),
    type: z.string().describe("OpenAI's class of error."),
    param: z.string().nullable().describe("The field or header at fault."),
    code: z.string().describe("One of the codes of the error contract."),
  }),
});

const messagesError = z.object({
  type: z.literal("error"),
  error: z.object({
    type: z.string().describe("Anthropic's class of error."),
    message: z.string(),
    code: z.string().describe("One of the codes of the error contract."),
  }),
  request_id: z.string(),
});

/** Name in the document → schema. */
export const ANSWER_SCHEMAS = {
  ChatCompletion: chat,
  Completion: completion,
  Response: responses,
  Message: messages,
  Embeddings: embeddings,
  Rerank: rerank,
  Score: score,
  Model: model,
  ModelList: z.object({ object: z.literal("list"), data: z.array(model) }),
  Error: error,
  MessagesError: messagesError,
} as const;

export type AnswerName = keyof typeof ANSWER_SCHEMAS;
