/** The Responses object and its events. */

import assert from "node:assert/strict";
import { frameOf, textChoice } from "./frame_of.ts";
import { responsesShape } from "./responses.ts";

const IDS = { items: ["msg_1"], calls: ["call_1"] };

Deno.test("responsesShape() orders the keys as vLLM does and has no error key", () => {
  const text = responsesShape(frameOf([textChoice(["Hel", "lo"])], { id: "resp_1" }), {}, IDS)
    .whole();
  assert.deepEqual(
    Object.keys(JSON.parse(text)),
    ("id created_at incomplete_details instructions metadata model object output parallel_tool_calls " +
      "temperature tool_choice tools top_p background max_output_tokens max_tool_calls " +
      "previous_response_id prompt reasoning service_tier status text top_logprobs truncation usage " +
      "user presence_penalty frequency_penalty kv_transfer_params ec_transfer_params input_messages " +
      "output_messages").split(" "),
  );
  assert.match(text, /"temperature":1\.0,/);
  assert.ok(
    text.includes(
      '"usage":{"input_tokens":5,"input_tokens_details":{"cached_tokens":0,"input_tokens_per_turn":[],"cached_tokens_per_turn":[]},"output_tokens":2,"output_tokens_details":{"reasoning_tokens":0,"tool_output_tokens":0,"output_tokens_per_turn":[],"tool_output_tokens_per_turn":[]},"total_tokens":7}',
    ),
  );
});

Deno.test("responsesShape() numbers its events from 0 in the order of the API", () => {
  const shape = responsesShape(frameOf([textChoice(["Hel", "lo"], "length")]), {}, IDS);
  const events = [
    ...shape.opening(),
    ...shape.delta(0, 0, 1, null),
    ...shape.delta(0, 1, 2, "length"),
    ...shape.closing(),
  ];
  assert.deepEqual(events.map((event) => event.split("\n")[0]), [
    "event: response.created",
    "event: response.in_progress",
    "event: response.output_item.added",
    "event: response.content_part.added",
    "event: response.output_text.delta",
    "event: response.output_text.delta",
    "event: response.output_text.done",
    "event: response.content_part.done",
    "event: response.output_item.done",
    "event: response.completed",
  ]);
  const bodies = events.map((event) => JSON.parse(event.split("data: ")[1] ?? ""));
  assert.deepEqual(bodies.map((body) => body.sequence_number), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(
    events[4],
    'event: response.output_text.delta\ndata: {"content_index":0,"delta":"Hel","item_id":"msg_1","logprobs":[],"output_index":0,"sequence_number":4,"type":"response.output_text.delta"}\n\n',
  );
  // cut short is "completed" by name and "incomplete" by status
  assert.equal(bodies[9].response.status, "incomplete");
});
