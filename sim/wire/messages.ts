/** Anthropic's Messages: vLLM converts its own chat answer, block by block. */

import { isObject } from "../json_value.ts";
import type { Choice, FinishReason, Span } from "../plan.ts";
import { randomHex } from "../random.ts";
import { promptCount } from "./chat.ts";
import { type Frame, pieces, type Shape } from "./shape.ts";

const STOP_REASONS: Record<FinishReason, string | null> = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  abort: null,
};

function event(type: string, body: Record<string, unknown>): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`;
}

/** The Messages shape of one answer. `toolIds` are the ids of its calls. */
export function messagesShape(frame: Frame, toolIds: readonly string[], named: boolean): Shape {
  const [choice] = frame.choices;
  const usage = () => ({
    input_tokens: promptCount(frame),
    output_tokens: frame.produced[0] ?? 0,
  });
  let open: { span: Span; index: number } | null = null;
  let blocks = 0;

  const stopReason = () => {
    const finish = frame.ended[0] ?? "stop";
    return STOP_REASONS[finish === "tool_calls" && named ? "stop" : finish] ?? "end_turn";
  };
  const closeBlock = (): string[] => {
    if (open === null) return [];
    const { span, index } = open;
    open = null;
    const signature = span.kind === "reasoning"
      ? [event("content_block_delta", {
        delta: { type: "signature_delta", signature: randomHex() },
        index,
      })]
      : [];
    return [...signature, event("content_block_stop", { index })];
  };
  const openBlock = (span: Span): string[] => {
    if (open?.span === span) return [];
    const closed = closeBlock();
    const index = blocks++;
    open = { span, index };
    return [
      ...closed,
      event("content_block_start", { content_block: startOf(span, toolIds), index }),
    ];
  };

  return {
    terminator: "",
    opening: () => [
      event("message_start", {
        message: {
          id: frame.id,
          type: "message",
          role: "assistant",
          content: [],
          model: frame.model,
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: promptCount(frame), output_tokens: 0 },
        },
      }),
    ],
    delta(_choice, from, to) {
      if (choice === undefined) return [];
      return pieces(choice, from, to).flatMap(({ span, ...range }) => {
        const text = choice.tokens.slice(range.from, range.to).join("");
        if (text === "" && span.kind !== "tool") return [];
        const start = openBlock(span);
        if (text === "") return start;
        return [
          ...start,
          event("content_block_delta", { delta: deltaOf(span, text), index: open?.index ?? 0 }),
        ];
      });
    },
    closing: () => [
      ...closeBlock(),
      event("message_delta", { delta: { stop_reason: stopReason() }, usage: usage() }),
      event("message_stop", {}),
    ],
    failure: (error) => [
      `event: error\ndata: ${
        JSON.stringify({
          type: "error",
          error: { type: "internal_error", message: error.message },
        })
      }\n\n`,
    ],
    whole: () =>
      JSON.stringify({
        id: frame.id,
        type: "message",
        role: "assistant",
        content: choice === undefined ? [] : content(choice, frame.produced[0] ?? 0, toolIds),
        model: frame.model,
        ...(frame.ended[0] === "abort" ? {} : { stop_reason: stopReason() }),
        usage: usage(),
      }),
  };
}

function startOf(span: Span, toolIds: readonly string[]): Record<string, unknown> {
  switch (span.kind) {
    case "text":
      return { type: "text", text: "" };
    case "reasoning":
      return { type: "thinking", thinking: "" };
    case "tool":
      return { type: "tool_use", id: toolIds[span.call] ?? "", name: span.name, input: {} };
  }
}

function deltaOf(span: Span, text: string): Record<string, unknown> {
  switch (span.kind) {
    case "text":
      return { type: "text_delta", text };
    case "reasoning":
      return { type: "thinking_delta", thinking: text };
    case "tool":
      return { type: "input_json_delta", partial_json: text };
  }
}

function content(choice: Choice, until: number, toolIds: readonly string[]): unknown[] {
  return choice.spans.filter((span) => span.from < until).flatMap((span): unknown[] => {
    const text = choice.tokens.slice(span.from, Math.min(span.to, until)).join("");
    if (span.kind === "text") return text === "" ? [] : [{ type: "text", text }];
    if (span.kind === "reasoning") {
      return [{ type: "thinking", thinking: text, signature: randomHex() }];
    }
    return [{
      type: "tool_use",
      id: toolIds[span.call] ?? "",
      name: span.name,
      input: input(text),
    }];
  });
}

/** Arguments cut off by max_tokens are no JSON; they count as none. */
function input(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}
