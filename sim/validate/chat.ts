/** What a chat request may say, and what it comes to. */

import { isObject, type Json, type JsonObject } from "../json_value.ts";
import type { Tool, Wish } from "../plan.ts";
import { toolsWanted } from "../plan.ts";
import type { Profile } from "../profile.ts";
import { loads, repr } from "../python/json.ts";
import type { Field, OwnProblem } from "./body.ts";
import { numberOf, SAMPLING_FIELDS, textOf } from "./sampling.ts";

export const CHAT_FIELDS: readonly Field[] = [
  { name: "messages", type: "list", required: true },
  ...SAMPLING_FIELDS,
  { name: "max_tokens", type: "integer" },
  { name: "max_completion_tokens", type: "integer" },
  { name: "logprobs", type: "boolean" },
  { name: "top_logprobs", type: "integer" },
  { name: "tools", type: "list" },
  { name: "response_format", type: "object" },
  { name: "structured_outputs", type: "object" },
  { name: "echo", type: "boolean" },
  { name: "include_reasoning", type: "boolean" },
  { name: "chat_template_kwargs", type: "object" },
  { name: "parallel_tool_calls", type: "boolean" },
];

/** vLLM's own rules for a chat body, in the order of its validators. Source: `chat_completion/protocol.py`. */
export function chatProblem(body: JsonObject): OwnProblem | null {
  return cacheSaltProblem(body) ?? formatProblem(body) ?? streamOptionsProblem(body) ??
    logprobsProblem(body) ?? structuredProblem(body) ?? toolProblem(body) ??
    promptProblem(body);
}

export function streamOptionsProblem(body: JsonObject): OwnProblem | null {
  if (!isObject(body.stream_options) || body.stream === true) return null;
  if (Object.keys(body.stream_options).length === 0) return null;
  return {
    message: "Stream options can only be defined when `stream=True`.",
    parameter: "stream_options",
  };
}

export function cacheSaltProblem(body: JsonObject): OwnProblem | null {
  const salt = body.cache_salt;
  if (salt === undefined || salt === null || (typeof salt === "string" && salt !== "")) return null;
  return {
    message: "Parameter 'cache_salt' must be a non-empty string if provided.",
    parameter: "cache_salt",
  };
}

function formatProblem(body: JsonObject): OwnProblem | null {
  const format = body.response_format;
  if (!isObject(format) || format.type !== "json_schema" || isObject(format.json_schema)) {
    return null;
  }
  return {
    message:
      "When response_format type is 'json_schema', the 'json_schema' field must be provided.",
    parameter: "response_format",
  };
}

function logprobsProblem(body: JsonObject): OwnProblem | null {
  const top = numberOf(body.top_logprobs);
  if (top === null) return null;
  if (top < 0 && top !== -1) {
    return {
      message: "`top_logprobs` must be a positive value or -1.",
      parameter: "top_logprobs",
      value: String(top),
    };
  }
  if (top === 0 || body.logprobs === true) return null;
  return {
    message: "when using `top_logprobs`, `logprobs` must be set to true.",
    parameter: "top_logprobs",
  };
}

export function structuredProblem(body: JsonObject): OwnProblem | null {
  const wanted = body.structured_outputs;
  if (!isObject(wanted)) return null;
  const kinds = ["json", "regex", "choice"].filter((kind) => (wanted[kind] ?? null) !== null);
  if (kinds.length > 1) {
    return {
      message: "You can only use one kind of constraints for structured outputs " +
        "('json', 'regex' or 'choice').",
      parameter: null,
    };
  }
  const choice = body.tool_choice ?? "none";
  if (kinds.length === 0 || ["none", "auto", "required"].some((word) => word === choice)) {
    return null;
  }
  return {
    message: "You can only either use constraints for structured outputs or tools, not both.",
    parameter: null,
  };
}

function toolProblem(body: JsonObject): OwnProblem | null {
  const { tools, tool_choice: choice } = body;
  if (Array.isArray(tools) && tools.length === 0) {
    return {
      message: "`tools` must not be an empty array. " +
        "Either provide at least one tool or omit the field entirely.",
      parameter: "tools",
    };
  }
  if (choice === undefined || choice === null || choice === "none") return null;
  if (tools === undefined || tools === null) {
    return {
      message: "When using `tool_choice`, `tools` must be set.",
      parameter: "tool_choice",
    };
  }
  if (choice === "auto" || choice === "required") return null;
  if (!isObject(choice)) {
    return {
      message:
        `Invalid value for \`tool_choice\`: ${
          typeof choice === "string" ? choice : said(choice)
        }! ` +
        'Only named tools, "none", "auto" or "required" are supported.',
      parameter: "tool_choice",
    };
  }
  return namedToolProblem(choice, toolsOf(body));
}

function namedToolProblem(choice: JsonObject, tools: readonly Tool[]): OwnProblem | null {
  const usage = 'Correct usage: `{"type": "function", "function": {"name": "my_function"}}`';
  const fn = choice.function ?? null;
  if (!isObject(fn)) {
    return {
      message: `Invalid value for \`function\`: \`${said(fn)}\` in \`tool_choice\`! ${usage}`,
      parameter: "tool_choice.function",
    };
  }
  if (!("name" in fn)) {
    return {
      message: `Expected field \`name\` in \`function\` in \`tool_choice\`! ${usage}`,
      parameter: "tool_choice.function.name",
    };
  }
  if (tools.some((tool) => tool.name === fn.name)) return null;
  return {
    message: "The tool specified in `tool_choice` does not match any of the specified `tools`",
    parameter: "tool_choice",
  };
}

function promptProblem(body: JsonObject): OwnProblem | null {
  if (body.continue_final_message !== true || body.add_generation_prompt !== true) return null;
  return {
    message: "Cannot set both `continue_final_message` and `add_generation_prompt` to True.",
    parameter: null,
  };
}

function said(value: Json): string {
  return repr(loads(JSON.stringify(value)));
}

/** The functions a request offers, in either API's shape. */
export function toolsOf(body: JsonObject): Tool[] {
  if (!Array.isArray(body.tools)) return [];
  return body.tools.flatMap((tool) => {
    if (!isObject(tool)) return [];
    const fn = isObject(tool.function) ? tool.function : tool;
    return [{ name: textOf(fn.name) ?? "", parameters: fn.parameters ?? fn.input_schema ?? {} }];
  });
}

/** The shape a chat request asks of its answer: a tool call, structured output, or text. */
export function chatWish(profile: Profile, body: JsonObject): Wish {
  const tools = toolsOf(body);
  const choice = body.tool_choice ?? (tools.length > 0 ? "auto" : "none");
  const messages = Array.isArray(body.messages) ? body.messages : [];
  const last = messages.at(-1);
  const lastText = isObject(last) && last.role === "user" ? contentText(last.content) : "";
  if (tools.length > 0 && choice !== "none") {
    const fn = isObject(choice) && isObject(choice.function) ? choice.function : null;
    const named = fn === null ? undefined : tools.find((tool) => tool.name === fn.name);
    if (named !== undefined) return { kind: "tools", calls: [named], named: true };
    const wanted = toolsWanted(tools, lastText);
    const calls = choice === "required" && wanted.length === 0 ? tools.slice(0, 1) : wanted;
    const kept = body.parallel_tool_calls === false ? calls.slice(0, 1) : calls;
    if (kept.length > 0) return { kind: "tools", calls: kept, named: false };
  }
  return structuredWish(profile, body);
}

/** What `structured_outputs`, `guided_*` or `response_format` ask for. */
export function structuredWish(profile: Profile, body: JsonObject): Wish {
  const wanted = profile.structuredOutputs && isObject(body.structured_outputs)
    ? body.structured_outputs
    : profile.guidedFields
    ? {
      json: body.guided_json ?? null,
      regex: body.guided_regex ?? null,
      choice: body.guided_choice ?? null,
    }
    : {};
  if (wanted.json !== undefined && wanted.json !== null) {
    return { kind: "json", schema: asSchema(wanted.json) };
  }
  if (typeof wanted.regex === "string") return { kind: "regex", pattern: wanted.regex };
  if (Array.isArray(wanted.choice)) return { kind: "one-of", options: wanted.choice.map(String) };
  if ("json_object" in wanted && wanted.json_object === true) {
    return { kind: "json", schema: ANY_OBJECT };
  }
  const format = body.response_format;
  if (!isObject(format)) return { kind: "text" };
  if (format.type === "json_object") return { kind: "json", schema: ANY_OBJECT };
  if (format.type === "json_schema" && isObject(format.json_schema)) {
    return { kind: "json", schema: format.json_schema.schema ?? ANY_OBJECT };
  }
  return { kind: "text" };
}

const ANY_OBJECT: Json = {
  type: "object",
  properties: { simulated: { const: true }, note: { type: "string" } },
};

/** A schema may come as JSON text. */
function asSchema(given: Json): Json {
  if (typeof given !== "string") return given;
  try {
    return JSON.parse(given);
  } catch {
    return ANY_OBJECT;
  }
}

/** The text of a message's content: a string, or the text parts of a list. */
export function contentText(content: Json | undefined): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part) => isObject(part) ? textOf(part.text) ?? "" : "").join("");
}

/** The prompt as our chat template writes it. */
export function renderChat(body: JsonObject): string {
  const messages = Array.isArray(body.messages) ? body.messages : [];
  let text = "";
  if (Array.isArray(body.tools)) {
    text += `<|im_start|>tools\n${JSON.stringify(body.tools)}<|im_end|>\n`;
  }
  messages.forEach((message, i) => {
    if (!isObject(message)) return;
    const calls = Array.isArray(message.tool_calls) ? JSON.stringify(message.tool_calls) : "";
    text += `<|im_start|>${textOf(message.role) ?? "user"}\n${
      contentText(message.content)
    }${calls}`;
    const continued = body.continue_final_message === true && i === messages.length - 1;
    if (!continued) text += "<|im_end|>\n";
  });
  if (body.continue_final_message === true || body.add_generation_prompt === false) return text;
  return `${text}<|im_start|>assistant\n`;
}
