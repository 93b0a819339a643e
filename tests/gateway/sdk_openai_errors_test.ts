/** What the official OpenAI SDK raises and what it tries again. */
import assert from "node:assert/strict";
import OpenAI from "openai";
import { caught, CHAT, startSdkGateway } from "./sdk_support.ts";
import type { TestGateway } from "./support.ts";

const openAi = (gateway: TestGateway, apiKey = gateway.secret) =>
  new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey, maxRetries: 0 });

Deno.test("the openai package raises its typed errors", async (t) => {
  await using gateway = await startSdkGateway();
  const client = openAi(gateway);
  const raises = async (
    call: PromiseLike<unknown>,
    kind: new (...args: never[]) => Error,
    [status, code, param]: readonly [number, string, string | null],
  ) => {
    const error = await caught(call);
    assert.ok(error instanceof kind && error instanceof OpenAI.APIError, String(error));
    assert.deepEqual([error.status, error.code, error.param], [status, code, param]);
    assert.match(error.requestID ?? "", /^req_/);
    return error;
  };
  const chat = (more: Record<string, unknown> = {}, from = client) =>
    from.chat.completions.create({ ...CHAT, ...more });

  await t.step("400, 404, 413, 422", async () => {
    await raises(chat({ messages: [] }), OpenAI.BadRequestError, [
      400,
      "invalid_request",
      "messages",
    ]);
    await raises(chat({ max_tokens: 99_999 }), OpenAI.BadRequestError, [
      400,
      "context_length_exceeded",
      null,
    ]);
    await raises(chat({ model: "x" }), OpenAI.NotFoundError, [404, "model_not_found", "model"]);
    await raises(client.models.retrieve("x"), OpenAI.NotFoundError, [
      404,
      "model_not_found",
      "model",
    ]);
    await raises(chat({ pad: "x".repeat(1_000_000) }), OpenAI.APIError, [
      413,
      "request_too_large",
      null,
    ]);
    gateway.fail("a", "status:code=422");
    await raises(chat(), OpenAI.UnprocessableEntityError, [422, "unprocessable", null]);
    gateway.fail("a", "");
  });
  await t.step("401, 403, 429", async () => {
    await raises(chat({}, openAi(gateway, "sk-wrong")), OpenAI.AuthenticationError, [
      401,
      "invalid_api_key",
      null,
    ]);
    const narrow = openAi(gateway, (await gateway.newKey({ models: ["cold"] })).secret);
    await raises(chat({}, narrow), OpenAI.PermissionDeniedError, [
      403,
      "model_not_allowed",
      "model",
    ]);
    const slow = openAi(gateway, (await gateway.newKey({ requestsPerMinute: 1 })).secret);
    await chat({}, slow);
    await raises(chat({}, slow), OpenAI.RateLimitError, [429, "rate_limit_exceeded", null]);
  });
  await t.step("502 and 503", async () => {
    gateway.fail("a", "status:code=500");
    await raises(chat(), OpenAI.InternalServerError, [502, "upstream_error", null]);
    await raises(chat({ stream: true }), OpenAI.InternalServerError, [502, "upstream_error", null]);
    gateway.fail("a", "status:code=503");
    await raises(chat(), OpenAI.InternalServerError, [503, "no_upstream", null]);
    gateway.fail("a", "");
  });
  await t.step("wake_timeout is raised at once and not retried", async () => {
    const patient = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.secret });
    assert.equal(patient.maxRetries, 2, "the SDK would retry a 504");
    await raises(chat({ model: "cold" }, patient), OpenAI.InternalServerError, [
      504,
      "wake_timeout",
      null,
    ]);
    const tried = gateway.lines().filter((line) => line["error_code"] === "wake_timeout");
    assert.equal(tried.length, 1);
  });
  await t.step("a 503 is retried by the SDK's own rule", async () => {
    gateway.fail("a", "status:code=503");
    const patient = new OpenAI({
      baseURL: `${gateway.url}/v1`,
      apiKey: gateway.secret,
      maxRetries: 1,
    });
    const count = () =>
      gateway.lines().filter((line) => line["error_code"] === "no_upstream").length;
    const before = count();
    await caught(chat({}, patient));
    assert.equal(count(), before + 2);
    gateway.fail("a", "");
  });
  await t.step("an error inside a stream", async () => {
    gateway.fail("a", "cut:after=2");
    const error = await caught((async () => {
      for await (const _chunk of await client.chat.completions.create({ ...CHAT, stream: true }));
    })());
    assert.ok(error instanceof OpenAI.APIError, String(error));
    assert.equal(error.code, "upstream_error");
    const typed = await caught((async () => {
      const ask = { model: "m", input: "Hello", stream: true as const };
      for await (const _event of await client.responses.create(ask));
    })());
    assert.ok(typed instanceof OpenAI.APIError, String(typed));
  });
});
