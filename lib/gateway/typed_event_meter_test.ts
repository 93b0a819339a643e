import assert from "node:assert/strict";
import { messagesMeter, responsesMeter } from "./typed_event_meter.ts";

const event = (name: string, data: unknown) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

Deno.test("responsesMeter() passes events through and takes usage and status from the last", () => {
  const meter = responsesMeter("m");
  const created = event("response.created", { response: { id: "resp_1", model: "m" } });
  assert.deepEqual(meter.read(created), { kind: "forward", text: created, content: false });
  const delta = event("response.output_text.delta", { delta: "Hi" });
  assert.deepEqual(meter.read(delta), { kind: "forward", text: delta, content: true });
  assert.deepEqual([meter.usage.completionTokens, meter.usage.from], [1, "chunks"]);
  assert.equal(meter.finished(), false);
  const usage = {
    input_tokens: 5,
    input_tokens_details: { cached_tokens: 4 },
    output_tokens: 2,
  };
  meter.read(event("response.completed", { response: { model: "m", status: "completed", usage } }));
  assert.deepEqual(meter.usage, {
    promptTokens: 5,
    completionTokens: 2,
    cachedTokens: 4,
    from: "engine",
  });
  assert.deepEqual([meter.finished(), meter.finishReason, meter.endMarker], [true, "stop", ""]);
});

Deno.test("responsesMeter() tells a length stop in both ways engines say it", () => {
  for (
    const [name, response] of [
      ["response.completed", { status: "incomplete" }],
      ["response.incomplete", { status: "incomplete" }],
    ] as const
  ) {
    const meter = responsesMeter("m");
    meter.read(event(name, { response }));
    assert.deepEqual([meter.finished(), meter.finishReason], [true, "length"]);
  }
});

Deno.test("responsesMeter() renames the response's own model and no model in its metadata", () => {
  const text = event("response.created", {
    response: { metadata: { model: "up" }, model: "up", tools: [] },
  });
  const reading = responsesMeter("public").read(text);
  assert.equal(
    reading.kind === "forward" && reading.text,
    event("response.created", {
      response: { metadata: { model: "up" }, model: "public", tools: [] },
    }),
  );
});

Deno.test("responsesMeter() reports failures in each form", () => {
  for (
    const text of [
      event("error", { type: "error", message: "It died" }),
      event("response.failed", { response: { error: { message: "It died" } } }),
      `data: {"error": {"message": "It died"}}\n\n`,
    ]
  ) assert.deepEqual(responsesMeter("m").read(text), { kind: "failure", message: "It died" });
});

Deno.test("messagesMeter() counts from message_start to message_stop and renames once", () => {
  const meter = messagesMeter("m");
  const start = event("message_start", {
    type: "message_start",
    message: { model: "up", usage: { input_tokens: 5, output_tokens: 0 } },
  });
  assert.deepEqual(meter.read(start), {
    kind: "forward",
    text: start.replace('"up"', '"m"'),
    content: false,
  });
  const open = event("content_block_start", { content_block: { type: "text", text: "" } });
  assert.deepEqual(meter.read(open), { kind: "forward", text: open, content: false });
  const delta = event("content_block_delta", { delta: { text: `"model":"up"` } });
  assert.deepEqual(meter.read(delta), { kind: "forward", text: delta, content: true });
  assert.deepEqual([meter.usage.promptTokens, meter.usage.from], [5, "chunks"]);
  meter.read(
    event("message_delta", {
      delta: { stop_reason: "end_turn" },
      usage: { input_tokens: 6, output_tokens: 9 },
    }),
  );
  assert.equal(meter.finished(), false);
  meter.read(event("message_stop", { type: "message_stop" }));
  assert.deepEqual([meter.finished(), meter.finishReason, meter.endMarker], [true, "end_turn", ""]);
  assert.deepEqual(meter.usage, {
    promptTokens: 6,
    completionTokens: 9,
    cachedTokens: 0,
    from: "engine",
  });
});

Deno.test("messagesMeter() reports the error event and an OpenAI-shaped one", () => {
  for (
    const text of [
      event("error", { type: "error", error: { type: "internal_error", message: "It died" } }),
      `data: {"error": {"message": "It died"}}\n\n`,
    ]
  ) assert.deepEqual(messagesMeter("m").read(text), { kind: "failure", message: "It died" });
});

Deno.test("typed meters forward pings and comments without taking them for content", () => {
  for (const meter of [messagesMeter("m"), responsesMeter("m")]) {
    for (const text of [": hi\n\n", event("ping", { type: "ping" })]) {
      assert.deepEqual(meter.read(text), { kind: "forward", text, content: false });
    }
  }
});
