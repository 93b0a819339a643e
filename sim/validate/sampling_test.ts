/** Sampling values at their limits, and the context window. */

import assert from "node:assert/strict";
import { profileOf } from "../profile.ts";
import { contextError, outputLimit } from "./context.ts";
import { readSampling, samplingError } from "./sampling.ts";

const main = profileOf("main");

function messageOf(
  body: Record<string, string | number>,
  max: number | null = null,
  profile = main,
) {
  return samplingError(profile, body, readSampling(body, max))?.message ?? null;
}

Deno.test("samplingError() refuses values just outside their range in vLLM's words", () => {
  assert.equal(
    messageOf({ temperature: -1 }),
    "temperature must be non-negative, got -1.0. (parameter=temperature, value=-1.0)",
  );
  assert.equal(messageOf({ temperature: 2 }), null);
  assert.match(
    messageOf({ temperature: 2.1 }) ?? "",
    /^temperature must be in \[0, 2\], got 2\.1\./,
  );
  assert.match(messageOf({ top_p: 2 }) ?? "", /^top_p must be in \(0, 1\], got 2\.0\./);
  assert.equal(messageOf({ top_p: 1 }), null);
  assert.equal(
    messageOf({ temperature: 0, n: 2 }),
    "n must be 1 when using greedy sampling, got 2.",
  );
  assert.match(messageOf({}, 0) ?? "", /^max_tokens must be at least 1, got 0\./);
  assert.equal(messageOf({}, 1), null);
});

Deno.test("samplingError() lets older versions take what they took", () => {
  assert.equal(messageOf({ temperature: 3 }, null, profileOf("v0.16")), null);
  assert.equal(
    messageOf({ temperature: -1 }, null, profileOf("v0.10")),
    "temperature must be non-negative, got -1.0.",
  );
});

Deno.test("contextError() counts one token past the room, as vLLM does", () => {
  const asked = {
    promptTokens: 7_193,
    promptChars: 20_000,
    maxTokens: 1_000,
    parameter: "max_tokens",
  };
  assert.deepEqual(contextError(main, 8_192, asked), {
    status: 400,
    message:
      "This model's maximum context length is 8192 tokens. However, you requested 1000 output tokens and your prompt contains at least 7193 input tokens, for a total of at least 8193 tokens. Please reduce the length of the input prompt or the number of requested output tokens. (parameter=input_tokens, value=7193)",
    type: "BadRequestError",
    param: "input_tokens",
  });
  assert.equal(contextError(main, 8_192, { ...asked, promptTokens: 7_192 }), null);
});

Deno.test("contextError() refuses max_tokens above the context, and very long texts by their characters", () => {
  const asked = { promptTokens: 5, promptChars: 20, maxTokens: 100_000, parameter: "max_tokens" };
  assert.equal(
    contextError(main, 8_192, asked)?.message,
    "max_tokens=100000 cannot be greater than max_model_len=max_total_tokens=8192. Please request fewer output tokens. (parameter=max_tokens, value=100000)",
  );
  const long = { ...asked, maxTokens: null, promptChars: 1_000_000 };
  assert.equal(contextError(main, 8_192, long)?.param, "input_text");
});

Deno.test("contextError() keeps the shorter text for older versions", () => {
  const asked = {
    promptTokens: 9_000,
    promptChars: 30_000,
    maxTokens: null,
    parameter: "max_tokens",
  };
  assert.equal(
    contextError(profileOf("v0.16"), 8_192, asked)?.message,
    "This model's maximum context length is 8192 tokens. However, your request has 9000 input tokens. Please reduce the length of the input messages.",
  );
});

Deno.test("outputLimit() is the room left, or less when less was asked", () => {
  const asked = { promptTokens: 10, promptChars: 40, maxTokens: null, parameter: "max_tokens" };
  assert.equal(outputLimit(100, asked), 90);
  assert.equal(outputLimit(100, { ...asked, maxTokens: 20 }), 20);
});
