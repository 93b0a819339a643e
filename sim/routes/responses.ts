/** `POST /v1/responses` and the two lookups, which find nothing because vLLM stores nothing by default. */

import { type Context, type Exchange } from "../context.ts";
import { isObject, type Json, type JsonObject } from "../json_value.ts";
import { randomHex } from "../random.ts";
import { checkBody, type Field } from "../validate/body.ts";
import { contentText } from "../validate/chat.ts";
import { textOf } from "../validate/sampling.ts";
import { type ApiError, badRequest } from "../wire/errors.ts";
import { responsesShape } from "../wire/responses.ts";
import { refuseWith, startChat } from "./chat.ts";

const FIELDS: readonly Field[] = [
  { name: "input", type: "any", required: true },
  { name: "model", type: "string" },
  { name: "instructions", type: "string" },
  { name: "max_output_tokens", type: "integer" },
  { name: "stream", type: "boolean" },
  { name: "temperature", type: "number" },
  { name: "top_p", type: "number" },
  { name: "tools", type: "list" },
  { name: "text", type: "object" },
  { name: "metadata", type: "object" },
  { name: "background", type: "boolean" },
  { name: "cache_salt", type: "string" },
];

export function responses(context: Context, exchange: Exchange): void {
  const refuse = refuseWith(context, exchange);
  const checked = checkBody(
    context.profile,
    exchange.request,
    FIELDS,
    (body) =>
      (body.prompt ?? null) === null
        ? null
        : { message: "prompt template is not supported", parameter: "prompt" },
  );
  if (!checked.ok) return refuse(checked.error);
  const { body } = checked;
  const previous = textOf(body.previous_response_id);
  if (previous !== null) return refuse(notFound(previous));
  if (body.background === true) {
    return refuse({
      ...badRequest(
        "This vLLM engine does not support `store=True` and therefore does not support the background mode. " +
          "To enable these features, set the environment variable `VLLM_ENABLE_RESPONSES_API_STORE=1` " +
          "when launching the vLLM server.",
      ),
      type: "invalid_request_error",
      param: "background",
    });
  }
  const hex = textOf(body.request_id) ?? `resp_${randomHex()}`;
  startChat(context, exchange, toChat(body), {
    id: hex,
    statsId: exchange.request.headers.get("x-request-id") ?? hex,
    stream: body.stream === true,
    refuse,
    shape: (frame) => {
      const spans = frame.choices[0]?.spans ?? [];
      const prefix = { text: "msg", reasoning: "rs", tool: "fc" };
      return responsesShape(frame, body, {
        items: spans.map((span) => `${prefix[span.kind]}_${randomHex()}`),
        calls: spans.map(() => `call_${randomHex()}`),
      });
    },
  });
}

/** `GET /v1/responses/{id}` and `POST /v1/responses/{id}/cancel`. */
export function storedResponse(context: Context, exchange: Exchange): void {
  const [, , , id = ""] = exchange.request.path.split("/");
  refuseWith(context, exchange)(notFound(id));
}

function notFound(id: string): ApiError {
  return {
    status: 404,
    message: `Response with id '${id}' not found.`,
    type: "invalid_request_error",
    param: "response_id",
  };
}

/** A Responses body in chat's form. */
function toChat(body: JsonObject): JsonObject {
  const messages: Json[] = [];
  if (typeof body.instructions === "string") {
    messages.push({ role: "system", content: body.instructions });
  }
  if (typeof body.input === "string") messages.push({ role: "user", content: body.input });
  else if (Array.isArray(body.input)) messages.push(...body.input.flatMap(toMessage));
  const out: JsonObject = { model: body.model ?? null, messages };
  if (body.max_output_tokens !== undefined) out.max_tokens = body.max_output_tokens;
  const copied = [
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "stop",
    "ignore_eos",
    "cache_salt",
    "priority",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "structured_outputs",
    "chat_template_kwargs",
    "parallel_tool_calls",
    "kv_transfer_params",
  ];
  for (const name of copied) if (body[name] !== undefined) out[name] = body[name];
  if (isObject(body.reasoning) && body.reasoning.effort !== undefined) {
    out.reasoning_effort = body.reasoning.effort;
  }
  if (Array.isArray(body.tools) && body.tools.length > 0) {
    out.tools = body.tools;
    out.tool_choice = toolChoice(body.tool_choice);
  }
  const format = isObject(body.text) ? body.text.format : undefined;
  if (isObject(format) && format.type === "json_schema") {
    out.response_format = { type: "json_schema", json_schema: { schema: format.schema ?? {} } };
  } else if (isObject(format) && format.type === "json_object") out.response_format = format;
  return out;
}

function toolChoice(given: Json | undefined): Json {
  if (isObject(given) && given.type === "function") {
    return { type: "function", function: { name: given.name ?? "" } };
  }
  return given ?? "auto";
}

function toMessage(item: Json): Json[] {
  if (!isObject(item)) return [];
  if (item.type === "function_call") {
    const call = { name: item.name ?? "", arguments: item.arguments ?? "" };
    return [{ role: "assistant", content: "", tool_calls: [{ type: "function", function: call }] }];
  }
  if (item.type === "function_call_output") {
    return [{ role: "tool", content: contentText(item.output) }];
  }
  if (item.type === "reasoning") return [];
  return [{ role: item.role ?? "user", content: contentText(item.content) }];
}
