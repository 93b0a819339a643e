/** `POST /v1/chat/completions`. */

import { type Context, type Exchange, servesModel, shownModel } from "../context.ts";
import { generate } from "../generate.ts";
import { isObject, type JsonObject } from "../json_value.ts";
import { randomHex } from "../random.ts";
import { checkBody } from "../validate/body.ts";
import { CHAT_FIELDS, chatProblem, chatWish, contentText, renderChat } from "../validate/chat.ts";
import { numberOf, readSampling, samplingError, textOf } from "../validate/sampling.ts";
import { chatShape } from "../wire/chat.ts";
import { type ApiError, badRequest, errorBody, unknownModel } from "../wire/errors.ts";
import type { Frame, Shape } from "../wire/shape.ts";

/** The id part a client gave with `X-Request-Id`, the body's own, or a new one. */
export function baseId(exchange: Exchange, body: JsonObject): string {
  return exchange.request.headers.get("x-request-id") ?? textOf(body.request_id) ?? randomHex();
}

/** Answers an OpenAI-style error. */
export function refuseWith(context: Context, exchange: Exchange): (error: ApiError) => void {
  return (error) => exchange.reply.send(error.status, errorBody(context.profile, error));
}

export function chatCompletions(context: Context, exchange: Exchange): void {
  const refuse = refuseWith(context, exchange);
  const checked = checkBody(context.profile, exchange.request, CHAT_FIELDS, chatProblem);
  if (!checked.ok) return refuse(checked.error);
  const { body } = checked;
  const id = baseId(exchange, body);
  const frameId = `chatcmpl-${id}`;
  startChat(context, exchange, body, {
    id: frameId,
    statsId: id,
    stream: body.stream === true,
    refuse,
    shape: (frame) => chatShape(frame, chatOptions(context, body, frame)),
  });
}

export type ChatStart = {
  readonly id: string;
  readonly statsId: string;
  readonly stream: boolean;
  readonly refuse: (error: ApiError) => void;
  readonly shape: (frame: Frame) => Shape;
};

/** Checks and begins a chat answer whose body is in OpenAI's form; Messages and Responses come here too. */
export function startChat(
  context: Context,
  exchange: Exchange,
  body: JsonObject,
  start: ChatStart,
): void {
  const model = textOf(body.model);
  if (!servesModel(context, model)) {
    return start.refuse(unknownModel(context.profile, model ?? ""));
  }
  const completion = numberOf(body.max_completion_tokens);
  const maxTokens = completion ?? numberOf(body.max_tokens);
  const sampling = readSampling(body, maxTokens);
  const error = samplingError(context.profile, body, sampling) ?? unsupported(body);
  if (error !== null) return start.refuse(error);
  const prompt = renderChat(body);
  const messages = Array.isArray(body.messages) ? body.messages : [];
  const lastUser = messages.filter((m) => isObject(m) && m.role === "user").at(-1);
  generate(context, exchange, {
    ...start,
    model: shownModel(context, model),
    prompts: [prompt],
    sampling,
    maxTokensField: completion === null ? "max_tokens" : "max_completion_tokens",
    wish: chatWish(context.profile, body),
    reasoning: thinks(context, body),
    echoText: isObject(lastUser) ? contentText(lastUser.content) : "",
  });
}

/** Whether this answer begins with thinking: the server has a parser, and the request did not switch it off. */
function thinks(context: Context, body: JsonObject): boolean {
  if (context.options.reasoningParser === null) return false;
  const kwargs = isObject(body.chat_template_kwargs) ? body.chat_template_kwargs : {};
  const asked = kwargs.enable_thinking ?? kwargs.thinking;
  if (typeof asked === "boolean") return asked;
  return body.reasoning_effort !== "none";
}

/** Constraints the simulator cannot honour; it says so rather than pretend. */
export function unsupported(body: JsonObject): ApiError | null {
  const wanted = body.structured_outputs;
  const grammar = isObject(wanted) ? wanted.grammar ?? wanted.structural_tag : body.guided_grammar;
  if (grammar !== undefined && grammar !== null) {
    return badRequest("The simulator cannot honour grammars: use json, regex or choice");
  }
  return null;
}

function chatOptions(context: Context, body: JsonObject, frame: Frame) {
  const wanted = isObject(body.stream_options) ? body.stream_options : {};
  const forced = context.options.forceIncludeUsage;
  const include = forced || wanted.include_usage === true;
  const messages = Array.isArray(body.messages) ? body.messages : [];
  const last = messages.at(-1);
  return {
    includeUsage: include,
    continuousUsage: include && (forced || wanted.continuous_usage_stats === true),
    logprobs: body.logprobs === true ? Math.max(numberOf(body.top_logprobs) ?? 0, 0) : null,
    tokensAsIds: body.return_tokens_as_token_ids === true,
    returnTokenIds: body.return_token_ids === true,
    returnPromptText: body.return_prompt_text === true,
    echo: body.echo === true && isObject(last) ? contentText(last.content) : null,
    namedTool: isObject(body.tool_choice),
    includeReasoning: body.include_reasoning !== false,
    toolIds: frame.choices.map((choice) =>
      choice.spans.filter((span) => span.kind === "tool").map(() => `chatcmpl-tool-${randomHex()}`)
    ),
  };
}
