/** Embeddings, scores and rankings: deterministic, and closer for texts that share words. */

import { Buffer } from "node:buffer";
import { millis } from "@/lib/kernel/clock.ts";
import { type Context, type Exchange, servesModel, shownModel } from "../context.ts";
import { isObject, type JsonObject } from "../json_value.ts";
import { hash32, randomHex, seeded } from "../random.ts";
import { tokenize } from "../tokenizer.ts";
import { checkBody, type Field } from "../validate/body.ts";
import { renderChat } from "../validate/chat.ts";
import { contextError } from "../validate/context.ts";
import { numberOf, textOf } from "../validate/sampling.ts";
import { type ApiError, badRequest, ENGINE_DEAD, unknownModel } from "../wire/errors.ts";
import { readPrompts } from "./completions.ts";
import { refuseWith } from "./chat.ts";

const DIMENSIONS = 384;
const DIMENSIONS_MAX = 8_192;
/** Pooling is one prefill; this is its cost per token. */
const MS_PER_TOKEN = 0.02;

const EMBEDDING_FIELDS: readonly Field[] = [
  { name: "model", type: "string" },
  { name: "input", type: "any" },
  { name: "messages", type: "list" },
  { name: "encoding_format", type: "string" },
  { name: "dimensions", type: "integer", least: 1 },
];

export function embeddings(context: Context, exchange: Exchange): void {
  const refuse = refuseWith(context, exchange);
  const body = open(context, exchange, EMBEDDING_FIELDS, refuse);
  if (body === null) return;
  const texts = Array.isArray(body.messages) ? [renderChat(body)] : readPrompts(body.input);
  if (typeof texts === "string") return refuse(badRequest(texts));
  const format = textOf(body.encoding_format) ?? "float";
  if (format !== "float" && format !== "base64") {
    return refuse(badRequest(`The simulator cannot encode embeddings as ${format}`));
  }
  const dimensions = numberOf(body.dimensions) ?? DIMENSIONS;
  if (dimensions > DIMENSIONS_MAX) {
    return refuse(badRequest(`dimensions must be at most ${DIMENSIONS_MAX}, got ${dimensions}.`));
  }
  pool(context, exchange, texts, refuse, (tokens) => {
    const data = texts.map((text, index) => {
      const vector = embed(text, dimensions);
      return {
        index,
        object: "embedding",
        embedding: format === "float" ? vector : base64(vector),
      };
    });
    return { ...head(context, body, "embd"), data, usage: usage(tokens) };
  });
}

const SCORE_FIELDS: readonly Field[] = [{ name: "model", type: "string" }];

export function score(context: Context, exchange: Exchange): void {
  const refuse = refuseWith(context, exchange);
  const body = open(context, exchange, SCORE_FIELDS, refuse);
  if (body === null) return;
  const queries = textsOf(body.queries ?? body.text_1 ?? body.data_1);
  const documents = textsOf(body.documents ?? body.items ?? body.text_2 ?? body.data_2);
  if (queries === null || documents === null) {
    return refuse(badRequest("queries and documents must be strings or lists of strings"));
  }
  if (queries.length > 1 && queries.length !== documents.length) {
    return refuse(badRequest("Input lengths must be either 1:1, 1:N or N:N"));
  }
  pool(context, exchange, pairs(queries, documents), refuse, (tokens) => {
    const data = documents.map((document, index) => {
      const query = queries[queries.length === 1 ? 0 : index] ?? "";
      return { index, object: "score", score: similarity(query, document) };
    });
    return { ...head(context, body, "score"), data, usage: usage(tokens) };
  });
}

const RERANK_FIELDS: readonly Field[] = [
  { name: "model", type: "string" },
  { name: "query", type: "any", required: true },
  { name: "documents", type: "any", required: true },
  { name: "top_n", type: "integer" },
];

export function rerank(context: Context, exchange: Exchange): void {
  const refuse = refuseWith(context, exchange);
  const body = open(context, exchange, RERANK_FIELDS, refuse);
  if (body === null) return;
  const [query] = textsOf(body.query) ?? [];
  const documents = textsOf(body.documents);
  if (query === undefined || documents === null) {
    return refuse(badRequest("query and documents must be strings or lists of strings"));
  }
  pool(context, exchange, pairs([query], documents), refuse, (tokens) => {
    const ranked = documents.map((text, index) => ({
      index,
      document: { text, multi_modal: null },
      relevance_score: similarity(query, text),
    })).sort((a, b) => b.relevance_score - a.relevance_score);
    const top = numberOf(body.top_n) ?? 0;
    return {
      id: `rerank-${randomHex()}`,
      model: shownModel(context, textOf(body.model)),
      usage: { prompt_tokens: tokens, total_tokens: tokens },
      results: top > 0 ? ranked.slice(0, top) : ranked,
    };
  });
}

/** The checked body, or null after the refusal. */
function open(
  context: Context,
  exchange: Exchange,
  fields: readonly Field[],
  refuse: (error: ApiError) => void,
): JsonObject | null {
  const checked = checkBody(context.profile, exchange.request, fields);
  if (!checked.ok) {
    refuse(checked.error);
    return null;
  }
  const model = textOf(checked.body.model);
  if (servesModel(context, model)) return checked.body;
  refuse(unknownModel(context.profile, model ?? ""));
  return null;
}

/** Checks lengths, lets the time of a prefill pass, and answers. */
function pool(
  context: Context,
  { request, reply }: Exchange,
  texts: readonly string[],
  refuse: (error: ApiError) => void,
  answer: (tokens: number) => Record<string, unknown>,
): void {
  if (context.state === "dead") return refuse(ENGINE_DEAD);
  let total = 0;
  for (const text of texts) {
    const promptTokens = tokenize(text).length;
    const error = contextError(context.profile, context.options.maxModelLen, {
      promptTokens,
      promptChars: text.length,
      maxTokens: null,
      parameter: "max_tokens",
    });
    if (error !== null) return refuse(error);
    total += promptTokens;
  }
  const record = context.stats.open(request.headers.get("x-request-id") ?? randomHex(), total);
  const left = new AbortController();
  reply.onLeave(() => left.abort());
  context.clock.sleep(millis(total * MS_PER_TOKEN), left.signal).then(() => {
    context.stats.finish(record, reply.closed ? "abort" : "stop", context.clock.now());
    if (!reply.closed) reply.send(200, JSON.stringify(answer(total)));
  });
}

function head(context: Context, body: JsonObject, prefix: string): Record<string, unknown> {
  return {
    id: `${prefix}-${randomHex()}`,
    object: "list",
    created: Math.floor(context.clock.now() / 1_000),
    model: shownModel(context, textOf(body.model)),
  };
}

function usage(tokens: number) {
  return {
    prompt_tokens: tokens,
    total_tokens: tokens,
    completion_tokens: 0,
    prompt_tokens_details: null,
    completion_tokens_details: null,
  };
}

/** A text, texts, or objects with a text. */
function textsOf(given: unknown): string[] | null {
  const list = Array.isArray(given) ? given : [given];
  const texts = list.map((item) => isObject(item) ? item.text : item);
  return texts.length > 0 && texts.every((text) => typeof text === "string") ? texts : null;
}

function pairs(queries: readonly string[], documents: readonly string[]): string[] {
  return documents.map((text, i) => `${queries[queries.length === 1 ? 0 : i] ?? ""} ${text}`);
}

/** A unit vector: the sum of one fixed random vector per word. */
export function embed(text: string, dimensions: number): number[] {
  const sum = new Float32Array(dimensions);
  for (const word of text.toLowerCase().match(/\w+/g) ?? [""]) {
    const random = seeded(hash32(word));
    for (let i = 0; i < dimensions; i++) sum[i] = (sum[i] ?? 0) + random() - 0.5;
  }
  const length = Math.hypot(...sum) || 1;
  return [...sum].map((value) => Math.fround(value / length));
}

/** Between 0 and 1, never whole: the cosine of the two embeddings through a sigmoid. */
function similarity(a: string, b: string): number {
  const left = embed(a, DIMENSIONS);
  const right = embed(b, DIMENSIONS);
  const cosine = left.reduce((sum, value, i) => sum + value * (right[i] ?? 0), 0);
  return 1 / (1 + Math.exp(-6 * (cosine - 0.5)));
}

/** Little-endian float32, as OpenAI's clients read it. */
function base64(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4);
  vector.forEach((value, i) => bytes.writeFloatLE(value, i * 4));
  return bytes.toString("base64");
}
