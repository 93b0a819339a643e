import assert from "node:assert/strict";
import { normaliseUpstreamError } from "./error_shapes.ts";

const read = (status: number, body: unknown) =>
  normaliseUpstreamError(status, typeof body === "string" ? body : JSON.stringify(body));

Deno.test("normaliseUpstreamError() reads vLLM's nested, flat, string and detail shapes and the Rust front end's", () => {
  const message = "The model `x` does not exist.";
  const wanted = { status: 404, message, param: "model", code: "model_not_found" };
  assert.deepEqual(
    read(404, { error: { message, type: "NotFoundError", param: "model", code: 404 } }),
    wanted,
  );
  assert.deepEqual(
    read(404, { object: "error", message, type: "NotFoundError", param: "model", code: 404 }),
    wanted,
  );
  assert.deepEqual(
    read(404, {
      error: { message, type: "invalid_request_error", param: "model", code: "model_not_found" },
    }),
    wanted,
  );
  assert.equal(read(401, { error: "Unauthorized" }).message, "Unauthorized");
  assert.equal(read(404, { detail: "Not Found" }).message, "Not Found");
  assert.equal(read(404, { detail: "Not Found" }).code, "invalid_request");
});

Deno.test("normaliseUpstreamError() knows a prompt that is too long by the texts of every version", () => {
  const main =
    "This model's maximum context length is 8192 tokens. However, you requested 1000 output tokens and your prompt contains at least 7193 input tokens";
  const tokens =
    "max_tokens=100000 cannot be greater than max_model_len=max_total_tokens=8192. Please request fewer output tokens.";
  for (const message of [main, tokens]) {
    assert.equal(read(400, { error: { message, code: 400 } }).code, "context_length_exceeded");
  }
  assert.equal(
    read(400, { error: { message: "top_p must be in (0, 1]", code: 400 } }).code,
    "invalid_request",
  );
});

Deno.test("normaliseUpstreamError() says something of an empty, broken or foreign body", () => {
  assert.equal(
    read(500, { error: { message: "", code: 500 } }).message,
    "the engine answered 500 without a reason",
  );
  assert.equal(
    read(502, "<html>Bad gateway</html>").message,
    "the engine answered 502 without a reason",
  );
  assert.equal(read(503, "").code, "upstream_error");
  assert.equal(read(400, { detail: [{ loc: ["body"] }] }).code, "invalid_request");
  const anthropic = {
    type: "error",
    error: { type: "NotFoundError", message: "The model `x` does not exist." },
  };
  assert.equal(read(404, anthropic).code, "model_not_found");
});

Deno.test("normaliseUpstreamError() lets no address or path of the engine's host through", () => {
  const { message } = read(500, {
    error: {
      message:
        "failed at http://10.0.0.7:8000/v1 in /opt/vllm/core.py <obj at 0x7f00aa11bb22> 10.1.2.3:55",
    },
  });
  assert.doesNotMatch(message, /10\.|\/opt|0x7f/);
  assert.match(message, /left out/);
});

Deno.test("normaliseUpstreamError() names the field without vLLM's root", () => {
  assert.equal(
    read(400, { error: { message: "m", param: "body.messages", code: 400 } }).param,
    "messages",
  );
  assert.equal(read(400, { error: { message: "m", param: null, code: 400 } }).param, null);
});
