/** Chat completions: the whole answer and the chunks. Chunks are built from ready-made halves, because there are many. */

import type { Choice, FinishReason, Span } from "../plan.ts";
import { idOf } from "../tokenizer.ts";
import { type ApiError, errorEvent } from "./errors.ts";
import { chatLogprobs } from "./logprobs.ts";
import { type Frame, pieces, reasoningTokens, type Shape, textOf } from "./shape.ts";
import { closingUsage, fullUsage, runningUsage, type Usage } from "./usage.ts";

export type ChatOptions = {
  readonly includeUsage: boolean;
  readonly continuousUsage: boolean;
  /** `top_logprobs` when `logprobs` is set, else null. */
  readonly logprobs: number | null;
  readonly tokensAsIds: boolean;
  readonly returnTokenIds: boolean;
  readonly returnPromptText: boolean;
  /** The last message's text, with `echo`. */
  readonly echo: string | null;
  /** A named tool choice: content is "" and not null. */
  readonly namedTool: boolean;
  readonly includeReasoning: boolean;
  /** One id per tool call of each choice, `chatcmpl-tool-…`. */
  readonly toolIds: readonly (readonly string[])[];
};

/** The chat shape of one answer. */
export function chatShape(frame: Frame, o: ChatOptions): Shape {
  const { profile, choices } = frame;
  const head = `data: {"id":${JSON.stringify(frame.id)},"object":"chat.completion.chunk"` +
    `,"created":${frame.created},"model":${JSON.stringify(frame.model)},"choices":[`;
  const starts = choices.map((_, i) => `${head}{"index":${i},"delta":`);
  const print = frame.fingerprint === null
    ? ""
    : `,"system_fingerprint":${JSON.stringify(frame.fingerprint)}`;
  const plainTail = `,"logprobs":null,"finish_reason":null,"token_ids":null}]}\n\n`;
  const simple = o.logprobs === null && !o.returnTokenIds && !o.continuousUsage;

  const usageOf = (completion: number, reasoning: number): Usage => ({
    prompt: promptCount(frame),
    completion,
    cached: frame.options.promptTokensDetails ? frame.cached() : null,
    reasoning: frame.options.reasoning ? reasoning : null,
  });
  const running = (choice: number, to: number): string => {
    if (!o.continuousUsage) return "";
    const planned = choices[choice];
    const thought = planned === undefined ? 0 : reasoningTokens(planned, to);
    return `,"usage":${runningUsage(profile, usageOf(to, thought))}`;
  };
  const chunk = (
    choice: number,
    deltaText: string,
    range: { from: number; to: number },
    finish: FinishReason | null,
  ): string => {
    const start = starts[choice] ?? head;
    if (simple && finish === null) return start + deltaText + plainTail;
    const planned = choices[choice];
    const tokens = planned?.tokens.slice(range.from, range.to) ?? [];
    const logprobs = o.logprobs === null ? "null" : chatLogprobs(tokens, o.logprobs, o.tokensAsIds);
    const ids = o.returnTokenIds ? JSON.stringify(tokens.map(idOf)) : "null";
    const end = finish === null
      ? `"finish_reason":null`
      : `"finish_reason":${JSON.stringify(shown(finish, o))},"stop_reason":` +
        JSON.stringify(finish === "stop" ? planned?.stopReason ?? null : null);
    return `${start}${deltaText},"logprobs":${logprobs},${end},"token_ids":${ids}}]` +
      running(choice, range.to) + (finish !== null && !o.includeUsage ? print : "") + "}\n\n";
  };

  return {
    terminator: "data: [DONE]\n\n",
    opening() {
      const prompt = frame.prompts[0] ?? [];
      const ids = o.returnTokenIds ? JSON.stringify(prompt.map(idOf)) : "null";
      const text = o.returnPromptText ? JSON.stringify(prompt.join("")) : "null";
      const roles = starts.map((start, i) =>
        `${start}{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]` +
        `${running(i, 0)},"prompt_token_ids":${ids},"prompt_text":${text}}\n\n`
      );
      if (o.echo === null) return roles;
      const echo = `{"content":${JSON.stringify(o.echo)}}`;
      return [
        ...roles,
        ...starts.map((start, i) =>
          `${start}${echo},"logprobs":null,"finish_reason":null}]${running(i, 0)}}\n\n`
        ),
      ];
    },
    delta(choice, from, to, finish) {
      const planned = choices[choice];
      if (planned === undefined) return [];
      const parts = pieces(planned, from, to);
      if (parts.length === 0) return [chunk(choice, emptyDelta(planned), { from, to }, finish)];
      return parts.map(({ span, ...range }, i) =>
        chunk(
          choice,
          deltaOf(frame, o, choice, span, range),
          range,
          i === parts.length - 1 ? finish : null,
        )
      );
    },
    closing() {
      if (!o.includeUsage) return [];
      const completion = sum(frame.produced);
      const thought = sum(choices.map((c, i) => reasoningTokens(c, frame.produced[i] ?? 0)));
      return [
        `${head}],"usage":${closingUsage(profile, usageOf(completion, thought))}${print}}\n\n`,
      ];
    },
    failure: (error: ApiError) => [errorEvent(profile, error)],
    whole() {
      const completion = sum(frame.produced);
      const thought = sum(choices.map((c, i) => reasoningTokens(c, frame.produced[i] ?? 0)));
      const prompt = frame.prompts[0] ?? [];
      const ids = o.returnTokenIds ? JSON.stringify(prompt.map(idOf)) : "null";
      const text = o.returnPromptText ? JSON.stringify(prompt.join("")) : "null";
      const metrics = profile.perRequestMetrics ? `,"metrics":${frame.timings()}` : "";
      return `{"id":${
        JSON.stringify(frame.id)
      },"object":"chat.completion","created":${frame.created}` +
        `,"model":${JSON.stringify(frame.model)},"choices":[` +
        choices.map((_, i) => wholeChoice(frame, o, i)).join(",") +
        `],"service_tier":null,"system_fingerprint":${JSON.stringify(frame.fingerprint)}` +
        `,"usage":${fullUsage(profile, usageOf(completion, thought))}` +
        `,"prompt_logprobs":null,"prompt_token_ids":${ids},"prompt_text":${text}` +
        `,"kv_transfer_params":null,"ec_transfer_params":null${metrics}}`;
    },
  };
}

/** Tokens of the prompts, each counted once. */
export function promptCount(frame: Frame): number {
  return sum(frame.prompts.map((prompt) => prompt.length));
}

function wholeChoice(frame: Frame, o: ChatOptions, index: number): string {
  const choice = frame.choices[index];
  const until = frame.produced[index] ?? 0;
  if (choice === undefined) return "";
  const finish = frame.ended[index] ?? "abort";
  const calls = choice.spans.filter((span) => span.kind === "tool" && span.from < until);
  const tools = o.namedTool || calls.length > 0
    ? calls.map((span) => span.kind === "tool" ? toolCall(choice, o, index, span, until) : "")
    : [];
  const said = textOf(choice, "text", until);
  const content = calls.length > 0 ? (o.namedTool ? "" : null) : said ?? (until === 0 ? "" : null);
  const thought = o.includeReasoning ? textOf(choice, "reasoning", until) : null;
  const logprobs = o.logprobs === null
    ? "null"
    : chatLogprobs(choice.tokens.slice(0, until), o.logprobs, o.tokensAsIds);
  const ids = o.returnTokenIds ? JSON.stringify(choice.tokens.slice(0, until).map(idOf)) : "null";
  return `{"index":${index},"message":{"role":"assistant","content":` +
    JSON.stringify(o.echo === null ? content : o.echo + (content ?? "")) +
    `,"refusal":null,"annotations":null,"audio":null,"function_call":null` +
    (tools.length > 0 ? `,"tool_calls":[${tools.join(",")}]` : "") +
    `,"${frame.profile.reasoningField}":${JSON.stringify(thought)}},"logprobs":${logprobs}` +
    `,"finish_reason":${JSON.stringify(shown(finish, o))},"stop_reason":` +
    JSON.stringify(finish === "stop" ? choice.stopReason : null) +
    `,"token_ids":${ids},"routed_experts":null}`;
}

type ToolSpan = Extract<Span, { kind: "tool" }>;

function toolCall(
  choice: Choice,
  o: ChatOptions,
  index: number,
  span: ToolSpan,
  until: number,
): string {
  const text = choice.tokens.slice(span.from, Math.min(span.to, until)).join("");
  return JSON.stringify({
    id: o.toolIds[index]?.[span.call] ?? "",
    type: "function",
    function: { name: span.name, arguments: text },
  });
}

function deltaOf(
  frame: Frame,
  o: ChatOptions,
  choiceIndex: number,
  span: Span,
  range: { from: number; to: number },
): string {
  const choice = frame.choices[choiceIndex];
  const text = range.to - range.from === 1
    ? choice?.tokens[range.from] ?? ""
    : choice?.tokens.slice(range.from, range.to).join("") ?? "";
  if (span.kind === "text") return `{"content":${JSON.stringify(text)}}`;
  if (span.kind === "reasoning") {
    if (!o.includeReasoning) return "{}";
    return `{"${frame.profile.reasoningField}":${JSON.stringify(text)}}`;
  }
  if (range.from > span.from) {
    return `{"tool_calls":[{"index":${span.call},"function":{"arguments":${
      JSON.stringify(text)
    }}}]}`;
  }
  const fn = text === "" ? { name: span.name } : { name: span.name, arguments: text };
  const id = o.toolIds[choiceIndex]?.[span.call] ?? "";
  return `{"tool_calls":[${
    JSON.stringify({ id, type: "function", index: span.call, function: fn })
  }]}`;
}

/** The delta of a finish chunk without text: `{}` where a parser looks at the text, else empty content. */
function emptyDelta(choice: Choice): string {
  return choice.spans.every((span) => span.kind === "text") ? `{"content":""}` : "{}";
}

/** A named tool choice ends in "stop". */
function shown(finish: FinishReason, o: ChatOptions): FinishReason {
  return finish === "tool_calls" && o.namedTool ? "stop" : finish;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
