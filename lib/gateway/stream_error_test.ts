import assert from "node:assert/strict";
import { AppError } from "@/lib/kernel/errors.ts";
import { errorEvent } from "./stream_error.ts";

const error = new AppError("upstream_error", "The machine\nfailed");
const body = {
  message: "The machine\nfailed",
  type: "server_error",
  param: null,
  code: "upstream_error",
};

Deno.test("errorEvent() is one data event for chunk streams", () => {
  assert.equal(
    errorEvent(error, "chunks", "r"),
    `data: ${JSON.stringify({ error: body })}\n\n`,
  );
});

Deno.test("errorEvent() is a typed event for Responses, flat and nested", () => {
  assert.equal(
    errorEvent(error, "responses", "r"),
    `event: error\ndata: ${JSON.stringify({ ...body, type: "error", error: body })}\n\n`,
  );
});

Deno.test("errorEvent() has Anthropic's shape for Messages", () => {
  assert.equal(
    errorEvent(error, "messages", "req-1"),
    `event: error\ndata: ${
      JSON.stringify({
        type: "error",
        error: { type: "api_error", message: "The machine\nfailed", code: "upstream_error" },
        request_id: "req-1",
      })
    }\n\n`,
  );
});
