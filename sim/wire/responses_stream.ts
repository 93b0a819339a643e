/** The events of a Responses stream, numbered from 0. Keys stand in the order of the openai package's classes. */

import type { Span } from "../plan.ts";
import { compact, type PyValue } from "../python/json.ts";
import { callItem, messageItem, outputText, reasoningItem, type ResponseIds } from "./responses.ts";
import { type Frame, pieces, type Shape } from "./shape.ts";

type Open = { span: Span; index: number; output: number; text: string };

/** The streaming half of the Responses shape; `response` gives the object at the start and at the end. */
export function responseEvents(
  frame: Frame,
  ids: ResponseIds,
  response: (done: boolean) => PyValue,
): Omit<Shape, "whole"> {
  const [choice] = frame.choices;
  let sequence = 0;
  let outputs = 0;
  let open: Open | null = null;

  /** `body` holds what sorts before `sequence_number`, `after` what sorts behind it. */
  const event = (
    type: string,
    body: { [key: string]: PyValue },
    after: { [key: string]: PyValue } = {},
  ) =>
    `event: ${type}\ndata: ${
      compact({ ...body, sequence_number: sequence++, ...after, type })
    }\n\n`;

  const start = (span: Span, index: number): string[] => {
    open = { span, index, output: outputs++, text: "" };
    const id = ids.items[index] ?? "";
    const at = { content_index: 0, item_id: id, output_index: open.output };
    const added = (item: PyValue) =>
      event("response.output_item.added", { item, output_index: at.output_index });
    switch (span.kind) {
      case "text":
        return [
          added(messageItem(id, null, "in_progress")),
          event("response.content_part.added", { ...at, part: outputText("", []) }),
        ];
      case "reasoning":
        return [
          added(reasoningItem(id, null, "in_progress")),
          event("response.reasoning_part.added", {
            ...at,
            part: { text: "", type: "reasoning_text" },
          }),
        ];
      case "tool":
        return [added(callItem(id, ids.calls[index] ?? "", span.name, "", "in_progress"))];
    }
  };
  const say = (item: Open, text: string): string => {
    item.text += text;
    const item_id = ids.items[item.index] ?? "";
    const output_index = item.output;
    switch (item.span.kind) {
      case "text":
        return event("response.output_text.delta", {
          content_index: 0,
          delta: text,
          item_id,
          logprobs: [],
          output_index,
        });
      case "reasoning":
        return event("response.reasoning_text.delta", {
          content_index: 0,
          delta: text,
          item_id,
          output_index,
        });
      case "tool":
        return event("response.function_call_arguments.delta", {
          delta: text,
          item_id,
          output_index,
        });
    }
  };
  const finish = (): string[] => {
    if (open === null) return [];
    const { span, index, output, text } = open;
    open = null;
    const id = ids.items[index] ?? "";
    const at = { content_index: 0, item_id: id, output_index: output };
    const done = (item: PyValue) =>
      event("response.output_item.done", { item, output_index: output });
    switch (span.kind) {
      case "text":
        return [
          event("response.output_text.done", {
            content_index: 0,
            item_id: id,
            logprobs: [],
            output_index: output,
          }, { text }),
          event("response.content_part.done", { ...at, part: outputText(text, null) }),
          done(messageItem(id, text, "completed")),
        ];
      case "reasoning":
        return [
          event("response.reasoning_text.done", at, { text }),
          event("response.reasoning_part.done", { ...at, part: { text, type: "reasoning_text" } }),
          done(reasoningItem(id, text, "completed")),
        ];
      case "tool":
        return [
          event("response.function_call_arguments.done", {
            arguments: text,
            item_id: id,
            name: span.name,
            output_index: output,
          }),
          done(callItem(id, ids.calls[index] ?? "", span.name, text, "completed")),
        ];
    }
  };

  return {
    terminator: "",
    opening: () => [
      event("response.created", { response: response(false) }),
      event("response.in_progress", { response: response(false) }),
    ],
    delta(_choice, from, to) {
      if (choice === undefined) return [];
      const out: string[] = [];
      for (const { span, ...range } of pieces(choice, from, to)) {
        if (open?.span !== span) out.push(...finish(), ...start(span, choice.spans.indexOf(span)));
        const text = choice.tokens.slice(range.from, range.to).join("");
        if (open !== null && text !== "") out.push(say(open, text));
      }
      return out;
    },
    closing: () => [...finish(), event("response.completed", { response: response(true) })],
    // vLLM fails to shape its own error event here: the connection just ends
    failure: () => [],
  };
}
