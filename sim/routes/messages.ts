/** `POST /v1/messages` and `/v1/messages/count_tokens`: Anthropic's API, answered through the chat path. */

import { type Context, type Exchange, servesModel } from "../context.ts";
import { isObject, type Json, type JsonObject } from "../json_value.ts";
import { randomHex } from "../random.ts";
import { tokenize } from "../tokenizer.ts";
import { checkBody, type Field } from "../validate/body.ts";
import { contentText, renderChat } from "../validate/chat.ts";
import { textOf } from "../validate/sampling.ts";
import { anthropicError, type ApiError, unknownModel } from "../wire/errors.ts";
import { messagesShape } from "../wire/messages.ts";
import { baseId, refuseWith, startChat } from "./chat.ts";

const COUNT_FIELDS: readonly Field[] = [
  { name: "model", type: "string", required: true },
  { name: "messages", type: "list", required: true },
  { name: "tools", type: "list" },
  { name: "tool_choice", type: "object" },
];
const FIELDS: readonly Field[] = [
  ...COUNT_FIELDS,
  { name: "max_tokens", type: "integer", required: true },
  { name: "stream", type: "boolean" },
  { name: "stop_sequences", type: "list" },
  { name: "temperature", type: "number" },
  { name: "top_p", type: "number" },
  { name: "top_k", type: "integer" },
];

export function messages(context: Context, exchange: Exchange): void {
  const checked = checkBody(context.profile, exchange.request, FIELDS);
  // body errors come before the handler, so in OpenAI's shape
  if (!checked.ok) return refuseWith(context, exchange)(checked.error);
  const body = toChat(checked.body);
  const id = baseId(exchange, checked.body);
  startChat(context, exchange, body, {
    id: `chatcmpl-${id}`,
    statsId: id,
    stream: checked.body.stream === true,
    refuse: (error: ApiError) => exchange.reply.send(error.status, anthropicError(error)),
    shape: (frame) =>
      messagesShape(
        frame,
        (frame.choices[0]?.spans ?? []).filter((span) => span.kind === "tool")
          .map(() => `chatcmpl-tool-${randomHex()}`),
        isObject(body.tool_choice),
      ),
  });
}

export function countTokens(context: Context, exchange: Exchange): void {
  const checked = checkBody(context.profile, exchange.request, COUNT_FIELDS);
  if (!checked.ok) return refuseWith(context, exchange)(checked.error);
  const model = textOf(checked.body.model);
  if (!servesModel(context, model)) {
    const error = unknownModel(context.profile, model ?? "");
    return exchange.reply.send(error.status, anthropicError(error));
  }
  const count = tokenize(renderChat(toChat(checked.body))).length;
  exchange.reply.send(
    200,
    JSON.stringify({
      input_tokens: count,
      context_management: { original_input_tokens: count },
    }),
  );
}

/** An Anthropic body in OpenAI's form. */
export function toChat(body: JsonObject): JsonObject {
  const out: JsonObject = { model: body.model ?? null, messages: [] };
  const list: Json[] = [];
  if (body.system !== undefined) {
    list.push({ role: "system", content: contentText(body.system) });
  }
  const given = Array.isArray(body.messages) ? body.messages : [];
  for (const message of given) if (isObject(message)) list.push(...turn(message));
  out.messages = list;
  const copied = ["max_tokens", "temperature", "top_p", "top_k", "chat_template_kwargs"];
  for (const name of copied) if (body[name] !== undefined) out[name] = body[name];
  if (body.stop_sequences !== undefined) out.stop = body.stop_sequences;
  if (Array.isArray(body.tools) && body.tools.length > 0) {
    out.tools = body.tools.map((tool) =>
      isObject(tool)
        ? {
          type: "function",
          function: { name: tool.name ?? "", parameters: tool.input_schema ?? {} },
        }
        : tool
    );
    out.tool_choice = toolChoice(body.tool_choice);
  }
  const thinking = isObject(body.thinking) ? body.thinking.type : undefined;
  if (thinking === "disabled") out.reasoning_effort = "none";
  return out;
}

/** A turn with tool results becomes tool messages, and a user message for its text. */
function turn(message: JsonObject): Json[] {
  const parts = Array.isArray(message.content) ? message.content.filter(isObject) : [];
  const results = parts.filter((part) => part.type === "tool_result");
  const calls = parts.filter((part) => part.type === "tool_use");
  const out: Json[] = results.map((part) => ({
    role: "tool",
    tool_call_id: part.tool_use_id ?? "",
    content: contentText(part.content),
  }));
  const text = contentText(message.content);
  if (text === "" && results.length > 0) return out;
  const own: JsonObject = { role: message.role ?? "user", content: text };
  if (calls.length > 0) {
    own.tool_calls = calls.map((part) => ({
      id: part.id ?? "",
      type: "function",
      function: { name: part.name ?? "", arguments: JSON.stringify(part.input ?? {}) },
    }));
  }
  return [...out, own];
}

function toolChoice(given: Json | undefined): Json {
  if (!isObject(given)) return "auto";
  if (given.type === "any") return "required";
  if (given.type === "none") return "none";
  if (given.type === "tool") return { type: "function", function: { name: given.name ?? "" } };
  return "auto";
}
