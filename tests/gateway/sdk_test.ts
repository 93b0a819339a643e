/** The official OpenAI and Anthropic SDKs, unmodified, against the gateway. */
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { startTestGateway, type TestGateway } from "./support.ts";

const messages = [{ role: "user" as const, content: "Hello" }];
const CHAT = { model: "m", messages, max_tokens: 6 };
const PARAMETERS = {
  type: "object" as const,
  properties: { city: { type: "string" as const } },
  required: ["city"],
};
const CALL = [{ role: "user" as const, content: "Please call get_weather" }];

/** Model m is served; `cold` has a machine that never answers. */
const start = () =>
  startTestGateway({
    tiers: {
      a: { engine: {} },
      cold: { url: "http://127.0.0.1:9", serves: "{ cold: m }", cold: true },
    },
    models: ["m", "cold"],
    gateway: "{ attempts: 1, wake_cap: 400ms, body_max_mb: 1 }",
  });

const openAi = (gateway: TestGateway, apiKey = gateway.secret) =>
  new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey, maxRetries: 0 });
const anthropic = (gateway: TestGateway, apiKey = gateway.secret) =>
  new Anthropic({ baseURL: gateway.url, apiKey, maxRetries: 0 });

async function caught(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not throw");
}

Deno.test("the openai package works unmodified", async (t) => {
  await using gateway = await start();
  const client = openAi(gateway);
  await t.step("chat", async () => {
    const answer = await client.chat.completions.create(CHAT);
    assert.ok((answer.choices[0]?.message.content ?? "").length > 0);
    assert.equal(answer.model, "m");
    assert.ok((answer.usage?.completion_tokens ?? 0) > 0);
    assert.match(answer._request_id ?? "", /^req_/);
    assert.equal(answer.id, `chatcmpl-${answer._request_id}`, "the answer's id names its row");
  });
  await t.step("chat as a stream, with and without usage", async () => {
    for (const include_usage of [true, false]) {
      const stream = await client.chat.completions.create({
        ...CHAT,
        stream: true,
        stream_options: { include_usage },
      });
      let text = "";
      let finish: string | null = null;
      const usages: unknown[] = [];
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? "";
        finish = chunk.choices[0]?.finish_reason ?? finish;
        if (chunk.usage) usages.push(chunk.usage);
      }
      assert.ok(text.length > 0 && finish !== null);
      assert.equal(usages.length, include_usage ? 1 : 0);
    }
  });
  await t.step("tools", async () => {
    const tools = [{
      type: "function" as const,
      function: { name: "get_weather", parameters: PARAMETERS },
    }];
    const ask = { model: "m", messages: CALL, tools };
    const whole = await client.chat.completions.create(ask);
    const [call] = whole.choices[0]?.message.tool_calls ?? [];
    assert.ok(call?.type === "function");
    assert.equal(typeof JSON.parse(call.function.arguments).city, "string");
    const stream = client.chat.completions.stream(ask);
    const streamed = await stream.finalChatCompletion();
    assert.equal(streamed.choices[0]?.finish_reason, "tool_calls");
    const [same] = streamed.choices[0]?.message.tool_calls ?? [];
    assert.ok(same?.type === "function");
    assert.equal(typeof JSON.parse(same.function.arguments).city, "string");
  });
  await t.step("structured output", async () => {
    const answer = await client.chat.completions.create({
      model: "m",
      messages,
      response_format: {
        type: "json_schema",
        json_schema: { name: "place", strict: true, schema: PARAMETERS },
      },
    });
    assert.equal(typeof JSON.parse(answer.choices[0]?.message.content ?? "").city, "string");
  });
  await t.step("completions, whole and as a stream", async () => {
    const ask = { model: "m", prompt: "Once", max_tokens: 5 };
    const whole = await client.completions.create(ask);
    assert.ok((whole.choices[0]?.text ?? "").length > 0);
    let text = "";
    for await (const chunk of await client.completions.create({ ...ask, stream: true })) {
      text += chunk.choices[0]?.text ?? "";
    }
    assert.ok(text.length > 0);
  });
  await t.step("embeddings, which the SDK asks for as base64", async () => {
    const input = ["fire", "water"];
    const coded = await client.embeddings.create({ model: "m", input });
    const plain = await client.embeddings.create({ model: "m", input, encoding_format: "float" });
    assert.equal(coded.data.length, 2);
    assert.equal(coded.data[0]?.embedding.length, plain.data[0]?.embedding.length);
    coded.data[1]?.embedding.forEach((value, i) => {
      assert.ok(Math.abs(value - (plain.data[1]?.embedding[i] ?? NaN)) < 1e-6);
    });
  });
  await t.step("responses, whole and as a stream", async () => {
    const ask = { model: "m", input: "Hello", max_output_tokens: 6 };
    const whole = await client.responses.create(ask);
    assert.ok(whole.output_text.length > 0);
    const kinds: string[] = [];
    for await (const event of await client.responses.create({ ...ask, stream: true })) {
      kinds.push(event.type);
    }
    assert.deepEqual([kinds[0], kinds.at(-1)], ["response.created", "response.completed"]);
    assert.ok(kinds.includes("response.output_text.delta"));
  });
  await t.step("models", async () => {
    const list = await client.models.list();
    assert.deepEqual(list.data.map((model) => model.id), ["m", "cold"]);
    const one = await client.models.retrieve("m");
    assert.deepEqual([one.id, one.object, one.owned_by], ["m", "model", "V"]);
  });
});

Deno.test("the openai package raises its typed errors", async (t) => {
  await using gateway = await start();
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
      "max_tokens",
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

Deno.test("the @anthropic-ai/sdk package works unmodified", async (t) => {
  await using gateway = await start();
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
        client.messages.create({ ...CHAT, max_tokens: 0 }),
        Anthropic.BadRequestError,
        "invalid_request_error",
      ],
      [
        anthropic(gateway, "no").messages.create(CHAT),
        Anthropic.AuthenticationError,
        "authentication_error",
      ],
      [narrow.messages.create(CHAT), Anthropic.PermissionDeniedError, "permission_error"],
      [client.messages.create({ ...CHAT, model: "x" }), Anthropic.NotFoundError, "not_found_error"],
      [slow.messages.create(CHAT), Anthropic.RateLimitError, "rate_limit_error"],
      [
        client.messages.create({ ...CHAT, model: "cold" }),
        Anthropic.InternalServerError,
        "timeout_error",
      ],
    ] as const;
    for (const [call, kind, type] of cases) {
      const error = await caught(call);
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
