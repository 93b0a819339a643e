/** Messages bytes against vLLM's Anthropic classes. */

import assert from "node:assert/strict";
import type { Choice } from "../plan.ts";
import { frameOf, textChoice } from "./frame_of.ts";
import { messagesShape } from "./messages.ts";

Deno.test("messagesShape() writes the whole message without nulls", () => {
  assert.equal(
    messagesShape(frameOf([textChoice(["Hel", "lo"])]), [], false).whole(),
    '{"id":"chatcmpl-abc","type":"message","role":"assistant","content":[{"type":"text","text":"Hello"}],"model":"m","stop_reason":"end_turn","usage":{"input_tokens":5,"output_tokens":2}}',
  );
});

Deno.test("messagesShape() streams Anthropic's events in order, with no ping and no terminator", () => {
  const shape = messagesShape(frameOf([textChoice(["Hel", "lo"])]), [], false);
  assert.equal(
    [...shape.opening(), ...shape.delta(0, 0, 1, null), ...shape.closing()].join(""),
    `event: message_start
data: {"type":"message_start","message":{"id":"chatcmpl-abc","type":"message","role":"assistant","content":[],"model":"m","stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":5,"output_tokens":0}}}

event: content_block_start
data: {"type":"content_block_start","content_block":{"type":"text","text":""},"index":0}

event: content_block_delta
data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"Hel"},"index":0}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":5,"output_tokens":2}}

event: message_stop
data: {"type":"message_stop"}

`,
  );
  assert.equal(shape.terminator, "");
});

Deno.test("messagesShape() signs thinking before it closes it, and opens a tool with empty input", () => {
  const choice: Choice = {
    tokens: ["hm", "", "{}"],
    spans: [
      { kind: "reasoning", from: 0, to: 1 },
      { kind: "tool", from: 1, to: 3, call: 0, name: "f" },
    ],
    finish: "tool_calls",
    stopReason: null,
  };
  const shape = messagesShape(frameOf([choice]), ["toolu_1"], false);
  const events = shape.delta(0, 0, 3, "tool_calls").map((event) =>
    JSON.parse(event.split("data: ")[1] ?? "")
  );
  assert.deepEqual(events.map((event) => event.delta?.type ?? event.type), [
    "content_block_start",
    "thinking_delta",
    "signature_delta",
    "content_block_stop",
    "content_block_start",
    "input_json_delta",
  ]);
  assert.deepEqual(events[4].content_block, {
    type: "tool_use",
    id: "toolu_1",
    name: "f",
    input: {},
  });
  assert.match(shape.closing().join(""), /"stop_reason":"tool_use"/);
});

Deno.test("messagesShape() tells a failure as an error event", () => {
  const shape = messagesShape(frameOf([textChoice(["a"])]), [], false);
  assert.deepEqual(
    shape.failure({ status: 500, message: "boom", type: "InternalServerError", param: null }),
    ['event: error\ndata: {"type":"error","error":{"type":"internal_error","message":"boom"}}\n\n'],
  );
});
