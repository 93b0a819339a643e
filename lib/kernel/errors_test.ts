/** Tests of errors.ts. */
import { deepEqual, equal, ok } from "node:assert/strict";
import {
  anthropicError,
  AppError,
  asAppError,
  ERROR_TABLE,
  errorHeaders,
  openAiError,
} from "./errors.ts";

Deno.test("AppError takes its status from the one table", () => {
  for (const [code, { status }] of Object.entries(ERROR_TABLE)) {
    ok(status >= 400 && status <= 599, code);
  }
  equal(new AppError("queue_full", "x").status, 429);
  equal(new AppError("wake_timeout", "x").status, 504);
});

Deno.test("openAiError() is the object the official SDKs parse", () => {
  const error = new AppError("model_not_found", 'Cannot serve model "x": choose one of y', {
    param: "model",
  });
  deepEqual(openAiError(error), {
    error: {
      message: 'Cannot serve model "x": choose one of y',
      type: "invalid_request_error",
      param: "model",
      code: "model_not_found",
    },
  });
});

Deno.test("anthropicError() falls back by the class of the status", () => {
  const typeOf = (code: keyof typeof ERROR_TABLE) =>
    anthropicError(new AppError(code, "x"), "req_1").error.type;
  equal(typeOf("rate_limit_exceeded"), "rate_limit_error");
  equal(typeOf("unprocessable"), "invalid_request_error");
  equal(typeOf("upstream_error"), "api_error");
  equal(anthropicError(new AppError("internal", "x"), "req_1").request_id, "req_1");
});

Deno.test("errorHeaders() writes whole seconds, rounded up, and the retry advice", () => {
  deepEqual(
    errorHeaders(new AppError("warming_up", "x", { retryAfterS: 1.2, shouldRetry: true })),
    {
      "retry-after": "2",
      "x-should-retry": "true",
    },
  );
  deepEqual(errorHeaders(new AppError("internal", "x")), {});
  const refused = new AppError("queue_full", "x", { retryAfterS: 0, shouldRetry: false });
  deepEqual(errorHeaders(refused), { "retry-after": "0", "x-should-retry": "false" });
});

Deno.test("asAppError() keeps ours, and hides the text of everything else", () => {
  const ours = new AppError("not_found", "Cannot find it");
  equal(asAppError(ours), ours);
  const secret = new Error("password=hunter2");
  const hidden = asAppError(secret);
  equal(hidden.code, "internal");
  equal(hidden.cause, secret);
  ok(!JSON.stringify(openAiError(hidden)).includes("hunter2"));
  equal(asAppError("a string").code, "internal");
});
