import { deepEqual, doesNotMatch, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { ERROR_TABLE } from "@/lib/kernel/errors.ts";
import { normaliseUpstreamError } from "./error_shapes.ts";
import { redact } from "./redact.ts";

const nested = (error: object) => JSON.stringify({ error });

Deno.test("normaliseUpstreamError() reads one error alike in every shape", () => {
  const message = "The model `x` does not exist.";
  const expected = {
    status: 404,
    message,
    type: "invalid_request_error",
    param: "model",
    code: "model_not_found",
  };
  const shapes = [
    nested({ message, type: "NotFoundError", param: "model", code: 404 }),
    nested({ message, type: "invalid_request_error", param: "model", code: "model_not_found" }),
    JSON.stringify({ object: "error", message, type: "NotFoundError", param: "model", code: 404 }),
  ];
  for (const text of shapes) deepEqual(normaliseUpstreamError(404, text), expected, text);
  // These have no room for a param.
  const bare = { ...expected, param: null };
  const v010 = { object: "error", message, type: "NotFoundError", param: null, code: 404 };
  deepEqual(normaliseUpstreamError(404, JSON.stringify(v010)), bare);
  deepEqual(normaliseUpstreamError(404, JSON.stringify({ error: message })), bare);
  deepEqual(normaliseUpstreamError(404, JSON.stringify({ detail: message })), bare);
  const anthropic = { type: "error", error: { type: "not_found_error", message } };
  deepEqual(normaliseUpstreamError(404, JSON.stringify(anthropic)), bare);
});

Deno.test("normaliseUpstreamError() knows a prompt that is too long in the words of each engine", () => {
  const texts = [
    "This model's maximum context length is 8192 tokens. However, you requested 1000 output tokens and your prompt contains at least 7193 input tokens, for a total of at least 8193 tokens. Please reduce the length of the input prompt or the number of requested output tokens. (parameter=input_tokens, value=7193)",
    "This model's maximum context length is 8192 tokens. However, your request has 9000 input tokens. Please reduce the length of the input messages.",
    "'max_tokens' or 'max_completion_tokens' is too large: 100000. This model's maximum context length is 8192 tokens and your request has 20 input tokens",
    "max_tokens=100000 cannot be greater than max_model_len=max_total_tokens=8192. Please request fewer output tokens. (parameter=max_tokens, value=100000)",
    "The decoder prompt (length 9000) is longer than the maximum model length of 8192. Make sure that `max_model_len` is no smaller than the number of text tokens.",
    "However, your prompt contains 90000 characters (more than 65536 characters, which is the upper bound for 8192 input tokens).",
    "the request exceeds the available context size. try increasing the context size or enable context shift",
    "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
    "prompt is too long: 215000 tokens > 200000 maximum",
  ];
  for (const message of texts) {
    const error = normaliseUpstreamError(
      400,
      nested({ message, type: "BadRequestError", code: 400 }),
    );
    deepEqual(
      [error.status, error.code, error.param],
      [400, "context_length_exceeded", null],
      message,
    );
    ok(!error.message.includes("(parameter="));
  }
  const llama = nested({ code: 400, message: "too big", type: "exceed_context_size_error" });
  equal(normaliseUpstreamError(400, llama).code, "context_length_exceeded");
  const other = nested({ message: "context length must be a number", code: 400 });
  equal(normaliseUpstreamError(400, other).code, "invalid_request");
  // A machine that broke over a prompt is a broken machine.
  equal(normaliseUpstreamError(500, nested({ message: texts[1] })).code, "upstream_error");
});

Deno.test("normaliseUpstreamError() names the field at fault as the client wrote it", () => {
  const cases: [body: string, param: string | null, message: string][] = [
    [
      nested({ message: "Field required", type: "Bad Request", param: "body.messages", code: 400 }),
      "messages",
      "Field required",
    ],
    [
      nested({
        message: "top_p must be in (0, 1], got 2.0. (parameter=top_p, value=2.0)",
        param: null,
      }),
      "top_p",
      "top_p must be in (0, 1], got 2.0.",
    ],
    [
      nested({ message: "Only with stream. (parameter=stream_options)", param: "stream_options" }),
      "stream_options",
      "Only with stream.",
    ],
    [
      JSON.stringify({
        detail: [{ loc: ["body", "n"], msg: "not an int", type: "int" }, {
          loc: ["body"],
          msg: "odd",
        }],
      }),
      "n",
      "n: not an int; : odd",
    ],
    [nested({ message: "no", param: "a".repeat(300) }), null, "no"],
  ];
  for (const [text, param, message] of cases) {
    const error = normaliseUpstreamError(400, text);
    deepEqual([error.param, error.message, error.code], [param, message, "invalid_request"]);
  }
});

Deno.test("normaliseUpstreamError() gives every status its code, and words where the engine has none", () => {
  const cases: [status: number, body: string, code: string, message: RegExp][] = [
    [401, '{"error":"Unauthorized"}', "invalid_api_key", /^Unauthorized$/],
    [404, '{"detail":"Not Found"}', "not_found", /^Not Found$/],
    [405, '{"detail":"Method Not Allowed"}', "method_not_allowed", /^Method/],
    [403, "{}", "upstream_error", /status 403/],
    [413, "", "request_too_large", /status 413/],
    [422, nested({ message: "bad image" }), "unprocessable", /^bad image$/],
    [429, "null", "rate_limit_exceeded", /status 429/],
    [
      500,
      nested({ message: "", type: "InternalServerError", code: 500 }),
      "upstream_error",
      /failed and did not say/,
    ],
    [
      501,
      nested({ message: "The model does not support Chat Completions API" }),
      "not_implemented",
      /does not support/,
    ],
    [502, "<html>nginx at 10.0.0.7</html>", "upstream_error", /did not say/],
    [
      503,
      '{"error":"The model is currently scaling. Please try again later."}',
      "no_upstream",
      /scaling/,
    ],
    [504, "[1]", "upstream_timeout", /did not say/],
    [418, '"tea"', "invalid_request", /status 418/],
  ];
  for (const [status, text, code, message] of cases) {
    const error = normaliseUpstreamError(status, text);
    deepEqual([error.status, error.code], [status, code]);
    ok(message.test(error.message), `${error.message} matches ${message}`);
    equal(error.type, ERROR_TABLE[error.code].type);
  }
  equal(normaliseUpstreamError(302, "").status, 502);
});

Deno.test("normaliseUpstreamError() never throws and always says something short", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 100, max: 999 }),
      fc.oneof(fc.string(), fc.json()),
      (status, text) => {
        const error = normaliseUpstreamError(status, text);
        ok(error.message.length > 0 && error.message.length <= 2_200);
        ok(error.status >= 400 && error.status <= 599);
      },
    ),
  );
  const long = normaliseUpstreamError(400, nested({ message: "/a/b ".repeat(100_000) }));
  ok(long.message.length <= 3_000);
});

Deno.test("redact() hides addresses, paths and traces", () => {
  const secrets = [
    "Cannot connect to host 10.1.2.3:8000 ssl:default",
    "HTTPConnectionPool(host='gpu-07.internal', port=8000): http://gpu-07.internal:8000/v1/x refused",
    "tcp://127.0.0.1:5555 timed out",
    "ipc://engine-core/socket is gone",
    "error at [fe80::1%0]:80 and [2001:db8::1]:8000",
    "connect localhost:8000 and host-3.rented.example.net:41234",
    "No such file: '/root/.cache/huggingface/hub/models--a/blob'",
    "see ~/.config/vllm/x.json and C:\\Users\\op\\model.bin",
    'boom\nTraceback (most recent call last):\n  File "/usr/lib/python3/x.py", line 3, in y\nValueError: z',
    "<vllm.engine.Core object at 0x7f3a00c0ffee> and 0x7f3a00c0ffee",
    "https://user:pass@10.0.0.1/x",
  ];
  const leaks =
    /10\.\d|internal|127\.0|engine-core|2001:db8|localhost|rented|root|huggingface|config|Users|usr|python3|ValueError|c0ffee|pass/;
  for (const text of secrets) doesNotMatch(redact(text), leaks, text);
});

Deno.test("redact() leaves what a client needs to read", () => {
  const kept = [
    "Use POST /v1/chat/completions or /v1/completions",
    "temperature must be in [0, 2], got 2.5 and/or 3/4",
    "This model's maximum context length is 8192 tokens.",
    "Failed to fetch https://example.com/images/cat.png",
    "org/model-7b:main does not exist at 12:30",
    "ratio 1.5:1 in messages[0].content",
  ];
  for (const text of kept) equal(redact(text), text);
});
