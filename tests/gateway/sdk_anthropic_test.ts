/** The official Anthropic SDK, unmodified, against the gateway. */
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import { CALL, caught, CHAT, PARAMETERS, startSdkGateway } from "./sdk_support.ts";
import type { TestGateway } from "./support.ts";

const anthropic = (gateway: TestGateway, apiKey = gateway.secret) =>
  new Anthropic({ baseURL: gateway.url, apiKey, maxRetries: 0 });

Deno.test("the @anthropic-ai/sdk package works unmodified", async (t) => {
  await using gateway = await startSdkGateway();
  const client = anthropic(gateway);
  await t.step("messages, whole and as a stream", async () => {
    const whole = await client.messages.create(CHAT);
    assert.ok(whole.content[0]?.type === "text" && whole.content[0].text.length > 0);
    assert.match(whole._request_id ?? "", /^req_/);
    const streamed = await client.messages.stream(CHAT).finalMessage();
    assert.deepEqual(
      [streamed.content, streamed.stop_reason, streamed.usage.output_tokens, streamed.model],
      [whole.content, whole.stop_reason, whole.usage.output_tokens, "m"],
    );
  });
  await t.step("tools", async () => {
    const ask = {
      ...CHAT,
      max_tokens: 100,
      messages: CALL,
      tools: [{ name: "get_weather", input_schema: PARAMETERS }],
    };
    for (
      const message of [
        await client.messages.create(ask),
        await client.messages.stream(ask).finalMessage(),
      ]
    ) {
      const call = message.content.find((block) => block.type === "tool_use");
      assert.deepEqual([call?.name, message.stop_reason], ["get_weather", "tool_use"]);
      assert.ok(typeof call?.input === "object" && call.input !== null && "city" in call.input);
    }
  });
  await t.step("typed errors", async () => {
    const narrow = anthropic(gateway, (await gateway.newKey({ models: ["cold"] })).secret);
    const slow = anthropic(gateway, (await gateway.newKey({ requestsPerMinute: 1 })).secret);
    await slow.messages.create(CHAT);
    const cases = [
      [
        () => client.messages.create({ ...CHAT, max_tokens: 0 }),
        Anthropic.BadRequestError,
        "invalid_request_error",
      ],
      [
        () => anthropic(gateway, "no").messages.create(CHAT),
        Anthropic.AuthenticationError,
        "authentication_error",
      ],
      [() => narrow.messages.create(CHAT), Anthropic.PermissionDeniedError, "permission_error"],
      [
        () => client.messages.create({ ...CHAT, model: "x" }),
        Anthropic.NotFoundError,
        "not_found_error",
      ],
      [() => slow.messages.create(CHAT), Anthropic.RateLimitError, "rate_limit_error"],
      [
        () => client.messages.create({ ...CHAT, model: "cold" }),
        Anthropic.InternalServerError,
        "timeout_error",
      ],
    ] as const;
    for (const [call, kind, type] of cases) {
      const error = await caught(call());
      assert.ok(error instanceof kind && error instanceof Anthropic.APIError, String(error));
      assert.match(error.requestID ?? "", /^req_/);
      assert.equal(error.type, type);
    }
  });
  await t.step("an error inside a stream", async () => {
    gateway.fail("a", "cut:after=2");
    const error = await caught(client.messages.stream(CHAT).finalMessage());
    assert.ok(error instanceof Anthropic.APIError, String(error));
  });
});
