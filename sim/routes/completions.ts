/** `POST /v1/completions`. */

import { type Context, type Exchange, servesModel, shownModel } from "../context.ts";
import { generate } from "../generate.ts";
import { isObject, type JsonObject } from "../json_value.ts";
import { tokenOf } from "../tokenizer.ts";
import { checkBody, type Field, type OwnProblem } from "../validate/body.ts";
import {
  cacheSaltProblem,
  streamOptionsProblem,
  structuredProblem,
  structuredWish,
} from "../validate/chat.ts";
import {
  numberOf,
  readSampling,
  SAMPLING_FIELDS,
  samplingError,
  textOf,
} from "../validate/sampling.ts";
import { completionShape } from "../wire/completions.ts";
import { badRequest, unknownModel } from "../wire/errors.ts";
import { baseId, refuseWith, unsupported } from "./chat.ts";

const PROMPTS_MAX = 1_024;
const DEFAULT_MAX_TOKENS = 16;

const FIELDS: readonly Field[] = [
  { name: "prompt", type: "any" },
  ...SAMPLING_FIELDS,
  { name: "max_tokens", type: "integer" },
  { name: "logprobs", type: "integer" },
  { name: "echo", type: "boolean" },
  { name: "response_format", type: "object" },
  { name: "structured_outputs", type: "object" },
];

export function completions(context: Context, exchange: Exchange): void {
  const { profile } = context;
  const refuse = refuseWith(context, exchange);
  const checked = checkBody(profile, exchange.request, FIELDS, completionProblem);
  if (!checked.ok) return refuse(checked.error);
  const { body } = checked;
  const model = textOf(body.model);
  if (!servesModel(context, model)) return refuse(unknownModel(profile, model ?? ""));
  if (body.suffix !== undefined && body.suffix !== null && body.suffix !== "") {
    return refuse(badRequest("suffix is not currently supported"));
  }
  if (body.stream === true && body.use_beam_search === true) {
    return refuse(badRequest("Streaming is not currently supported with beam search"));
  }
  const prompts = readPrompts(body.prompt);
  if (typeof prompts === "string") return refuse(badRequest(prompts));
  const sampling = readSampling(body, numberOf(body.max_tokens) ?? DEFAULT_MAX_TOKENS);
  const error = samplingError(profile, body, sampling) ?? unsupported(body);
  if (error !== null) return refuse(error);
  const id = baseId(exchange, body);
  const asked = isObject(body.stream_options) ? body.stream_options : {};
  const forced = context.options.forceIncludeUsage;
  const include = forced || asked.include_usage === true;
  generate(context, exchange, {
    id: `cmpl-${id}`,
    statsId: id,
    model: shownModel(context, model),
    stream: body.stream === true,
    prompts,
    sampling,
    maxTokensField: "max_tokens",
    wish: structuredWish(profile, body),
    reasoning: false,
    echoText: prompts[0] ?? "",
    refuse,
    shape: (frame) =>
      completionShape(frame, {
        includeUsage: include,
        continuousUsage: include && (forced || asked.continuous_usage_stats === true),
        logprobs: numberOf(body.logprobs),
        tokensAsIds: body.return_tokens_as_token_ids === true,
        returnTokenIds: body.return_token_ids === true,
        echo: body.echo === true,
        n: sampling.n,
      }),
  });
}

function completionProblem(body: JsonObject): OwnProblem | null {
  const { prompt, prompt_embeds: embeds } = body;
  if ((prompt === undefined || prompt === null) && (embeds === undefined || embeds === null)) {
    return {
      message: "Either prompt or prompt_embeds must be provided and non-empty.",
      parameter: "prompt",
    };
  }
  return cacheSaltProblem(body) ?? streamOptionsProblem(body) ?? structuredProblem(body);
}

/** A text, texts, token ids or lists of them, as texts; or why not. */
export function readPrompts(given: unknown): string[] | string {
  if (typeof given === "string") return [given];
  if (!Array.isArray(given) || given.length === 0) return "please provide at least one prompt";
  if (given.length > PROMPTS_MAX && typeof given[0] !== "number") {
    return `Too many prompts: ${given.length}, at most ${PROMPTS_MAX}`;
  }
  if (given.every((item) => typeof item === "string")) return given;
  const lists = given.every((item) => typeof item === "number") ? [given] : given;
  const texts: string[] = [];
  for (const list of lists) {
    if (!Array.isArray(list)) {
      return "prompt must be a string, array of strings, or array of tokens";
    }
    let text = "";
    for (const id of list) {
      const token = typeof id === "number" ? tokenOf(id) : null;
      if (token === null) return `Token id ${String(id)} is out of vocabulary`;
      text += token;
    }
    texts.push(text);
  }
  return texts;
}
