/** OpenAI's Responses: the response object. Its events are in responses_stream.ts. */

import type { JsonObject } from "../json_value.ts";
import type { Choice } from "../plan.ts";
import { compact, PyFloat, type PyValue } from "../python/json.ts";
import { promptCount } from "./chat.ts";
import { responseEvents } from "./responses_stream.ts";
import { type Frame, reasoningTokens, type Shape } from "./shape.ts";

export type ResponseIds = {
  /** One for each span of the choice: `msg_…`, `rs_…` or `fc_…`. */
  readonly items: readonly string[];
  /** One for each span; used by calls only. */
  readonly calls: readonly string[];
};

/** The Responses shape of one answer to `body`. */
export function responsesShape(frame: Frame, body: JsonObject, ids: ResponseIds): Shape {
  const [choice] = frame.choices;
  const response = (done: boolean): PyValue => {
    const until = done ? frame.produced[0] ?? 0 : 0;
    const cut = done && frame.ended[0] === "length";
    return responseObject(frame, body, {
      output: choice === undefined ? [] : outputItems(choice, until, ids),
      status: !done ? "in_progress" : cut ? "incomplete" : "completed",
      usage: done ? usageOf(frame) : null,
    });
  };
  return {
    ...responseEvents(frame, ids, response),
    whole: () => compact(response(true)),
  };
}

type Now = { output: PyValue[]; status: string; usage: PyValue };

function responseObject(frame: Frame, body: JsonObject, now: Now): PyValue {
  const given = (name: string, fallback: PyValue): PyValue => {
    const value = body[name];
    return value === undefined || value === null ? fallback : value;
  };
  const float = (name: string, fallback: number): PyValue => {
    const value = body[name];
    return new PyFloat(typeof value === "number" ? value : fallback);
  };
  return {
    id: frame.id,
    created_at: frame.created,
    incomplete_details: now.status === "incomplete" ? { reason: "max_output_tokens" } : null,
    instructions: given("instructions", null),
    metadata: given("metadata", null),
    model: frame.model,
    object: "response",
    output: now.output,
    parallel_tool_calls: given("parallel_tool_calls", true),
    temperature: float("temperature", 1),
    tool_choice: given("tool_choice", "auto"),
    tools: given("tools", []),
    top_p: float("top_p", 1),
    background: given("background", false),
    max_output_tokens: given("max_output_tokens", null),
    max_tool_calls: given("max_tool_calls", null),
    previous_response_id: null,
    prompt: null,
    reasoning: given("reasoning", null),
    service_tier: given("service_tier", "auto"),
    status: now.status,
    text: given("text", null),
    top_logprobs: given("top_logprobs", null),
    truncation: given("truncation", "disabled"),
    usage: now.usage,
    user: given("user", null),
    presence_penalty: float("presence_penalty", 0),
    frequency_penalty: float("frequency_penalty", 0),
    kv_transfer_params: null,
    ec_transfer_params: null,
    input_messages: null,
    output_messages: null,
  };
}

function usageOf(frame: Frame): PyValue {
  const input = promptCount(frame);
  const output = frame.produced[0] ?? 0;
  const [choice] = frame.choices;
  return {
    input_tokens: input,
    input_tokens_details: {
      cached_tokens: frame.cached(),
      input_tokens_per_turn: [],
      cached_tokens_per_turn: [],
    },
    output_tokens: output,
    output_tokens_details: {
      reasoning_tokens: choice === undefined ? 0 : reasoningTokens(choice, output),
      tool_output_tokens: 0,
      output_tokens_per_turn: [],
      tool_output_tokens_per_turn: [],
    },
    total_tokens: input + output,
  };
}

/** The items of `output`, as far as they were written. */
function outputItems(choice: Choice, until: number, ids: ResponseIds): PyValue[] {
  const items: PyValue[] = [];
  choice.spans.forEach((span, i) => {
    if (span.from >= until) return;
    const text = choice.tokens.slice(span.from, Math.min(span.to, until)).join("");
    const id = ids.items[i] ?? "";
    if (span.kind === "text") items.push(messageItem(id, text, "completed"));
    else if (span.kind === "reasoning") items.push(reasoningItem(id, text, null));
    else items.push(callItem(id, ids.calls[i] ?? "", span.name, text, "completed"));
  });
  return items;
}

/** A message with one text; an empty one has no content yet. */
export function messageItem(id: string, text: string | null, status: string): PyValue {
  return {
    id,
    content: text === null ? [] : [outputText(text, null)],
    role: "assistant",
    status,
    type: "message",
  };
}

export function outputText(text: string, logprobs: PyValue): PyValue {
  return { annotations: [], text, type: "output_text", logprobs };
}

export function reasoningItem(id: string, text: string | null, status: string | null): PyValue {
  return {
    id,
    summary: [],
    type: "reasoning",
    content: text === null ? null : [{ text, type: "reasoning_text" }],
    encrypted_content: null,
    status,
  };
}

export function callItem(
  id: string,
  callId: string,
  name: string,
  text: string,
  status: string,
): PyValue {
  return { arguments: text, call_id: callId, name, type: "function_call", id, status };
}
