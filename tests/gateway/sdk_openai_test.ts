/** The official OpenAI SDK, unmodified, against the gateway. */
import assert from "node:assert/strict";
import OpenAI from "openai";
import { CALL, CHAT, messages, PARAMETERS, startSdkGateway } from "./sdk_support.ts";
import type { TestGateway } from "./support.ts";

const openAi = (gateway: TestGateway, apiKey = gateway.secret) =>
  new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey, maxRetries: 0 });

Deno.test("the openai package works unmodified", async (t) => {
  await using gateway = await startSdkGateway();
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
