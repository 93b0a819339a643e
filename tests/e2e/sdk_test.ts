/** The official packages, unmodified, against the gateway: what a developer does who changed the base URL and the key. */
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { type Engine, startEngine } from "@/sim/engine.ts";
import { DEFAULT_LATENCY, type EngineOptions } from "@/sim/options.ts";
import { fleetYaml, makeKey, startGateway, tempDir } from "./support.ts";

const LATENCY = { ...DEFAULT_LATENCY, timeToFirstTokenMs: 5, interTokenLatencyMs: 1 };
const messages = [{ role: "user" as const, content: "Tell me about rivers" }];
const weather = {
  type: "function" as const,
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

type Bench = {
  openai: OpenAI;
  anthropic: Anthropic;
  engine: Engine;
  url: string;
  secret: string;
  sql: Sql;
};
type Sql = Awaited<ReturnType<typeof testDatabase>>["sql"];

async function withSdks(
  options: Partial<EngineOptions>,
  body: (bench: Bench) => Promise<void>,
): Promise<void> {
  await using database = await testDatabase();
  await using dir = await tempDir();
  const { secret } = await makeKey(database.sql);
  const engine = await startEngine({
    port: 0,
    servedModelNames: ["upstream-name"],
    latency: LATENCY,
    ...options,
  });
  const tier = `
  - { name: spot, provider: static, band: spot, serves: { m: upstream-name }, static: { urls: ["${engine.url}"] } }`;
  const gateway = await startGateway(
    fleetYaml(tier, { gateway: "{ attempts: 1 }" }),
    database.target,
    dir.path,
  );
  try {
    const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: secret, maxRetries: 0 });
    const anthropic = new Anthropic({ baseURL: gateway.url, apiKey: secret, maxRetries: 0 });
    await body({ openai, anthropic, engine, url: gateway.url, secret, sql: database.sql });
  } finally {
    await gateway.stop();
    await engine.close();
  }
}

/** Changes the engine's faults as an operator would: over its admin route. */
async function setFaults(engine: Engine, ...faults: string[]): Promise<void> {
  const response = await fetch(`${engine.url}/admin/config`, {
    method: "POST",
    body: JSON.stringify({ faults }),
  });
  assert.equal(response.status, 200, await response.text());
}

Deno.test("openai: chat, streaming and not, tools, structured output, completions, embeddings, responses and models", async () => {
  await withSdks({}, async ({ openai }) => {
    const plain = await openai.chat.completions.create({ model: "m", messages, max_tokens: 20 });
    assert.equal(plain.model, "m", "the catalogue's name, not the engine's");
    assert.ok((plain.choices[0]?.message.content ?? "").length > 0);
    assert.equal(
      plain.usage?.completion_tokens,
      plain.usage!.total_tokens - plain.usage!.prompt_tokens,
    );
    assert.match(plain._request_id ?? "", /^req_/);

    const options = { include_usage: true };
    const stream = await openai.chat.completions.create({
      model: "m",
      messages,
      stream: true,
      stream_options: options,
    });
    let text = "";
    let finish: string | null = null;
    let usage = 0;
    for await (const chunk of stream) {
      assert.equal(chunk.model, "m");
      text += chunk.choices[0]?.delta.content ?? "";
      finish = chunk.choices[0]?.finish_reason ?? finish;
      usage = chunk.usage?.completion_tokens ?? usage;
    }
    assert.ok(text.length > 0 && finish !== null && usage > 0);

    const bare = await openai.chat.completions.create({
      model: "m",
      messages,
      stream: true,
      max_tokens: 5,
    });
    for await (const chunk of bare) {
      assert.equal(chunk.usage ?? null, null, "usage that was not asked for stays here");
    }

    const tooled = await openai.chat.completions.create({
      model: "m",
      messages,
      tools: [weather],
      tool_choice: "required",
    });
    const call = tooled.choices[0]?.message.tool_calls?.[0];
    assert.ok(call?.type === "function" && call.function.name === "get_weather");
    assert.equal(typeof JSON.parse(call.function.arguments).city, "string");

    const runner = openai.chat.completions.stream({
      model: "m",
      messages,
      tools: [weather],
      tool_choice: "required",
    });
    assert.equal((await runner.finalChatCompletion()).choices[0]?.finish_reason, "tool_calls");

    const schema = {
      type: "object",
      properties: { rivers: { type: "array", items: { type: "string" } } },
      required: ["rivers"],
    };
    const structured = await openai.chat.completions.create({
      model: "m",
      messages,
      response_format: { type: "json_schema", json_schema: { name: "rivers", schema } },
    });
    assert.ok(Array.isArray(JSON.parse(structured.choices[0]?.message.content ?? "").rivers));

    const completion = await openai.completions.create({
      model: "m",
      prompt: "Once",
      max_tokens: 5,
    });
    assert.equal(completion.object, "text_completion");
    const vectors = await openai.embeddings.create({ model: "m", input: ["one", "two"] });
    assert.equal(vectors.data.length, 2);
    assert.ok(
      vectors.data[0]!.embedding.length > 10 && typeof vectors.data[0]!.embedding[0] === "number",
    );

    const response = await openai.responses.create({ model: "m", input: "Hello" });
    assert.ok(response.output_text.length > 0 && response.model === "m");
    const events: string[] = [];
    for await (
      const event of await openai.responses.create({ model: "m", input: "Hello", stream: true })
    ) {
      events.push(event.type);
    }
    assert.equal(events[0], "response.created");
    assert.equal(events.at(-1), "response.completed");

    const models = await openai.models.list();
    assert.deepEqual(models.data.map(({ id }) => id), ["m"]);
    assert.equal((await openai.models.retrieve("m")).object, "model");
  });
});

Deno.test("openai: every error is its typed class, with the request's id", async () => {
  await withSdks({}, async ({ openai, engine, url, secret, sql }) => {
    const caught = async (act: () => PromiseLike<unknown>) => {
      try {
        await act();
      } catch (error) {
        assert.ok(error instanceof OpenAI.APIError, String(error));
        assert.match(error.requestID ?? "", /^req_/);
        assert.equal(typeof error.message, "string");
        return error;
      }
      throw new Error("no error came");
    };
    const ask = (extra: Record<string, unknown> = {}, client = openai) =>
      client.chat.completions.create({ model: "m", messages, ...extra });

    const bad = await caught(() => ask({ messages: "no list" }));
    assert.ok(
      bad instanceof OpenAI.BadRequestError && bad.param === "messages" &&
        bad.code === "invalid_request",
    );
    const long = await caught(() => ask({ max_tokens: 1_000_000 }));
    assert.ok(long instanceof OpenAI.BadRequestError && long.code === "context_length_exceeded");
    const sampling = await caught(() => ask({ temperature: -1 }));
    assert.ok(sampling instanceof OpenAI.BadRequestError, "the engine's own refusal");
    const stranger = new OpenAI({ baseURL: `${url}/v1`, apiKey: "sk-nobody", maxRetries: 0 });
    const unknown = await caught(() => ask({}, stranger));
    assert.ok(unknown instanceof OpenAI.AuthenticationError && unknown.code === "invalid_api_key");
    assert.doesNotMatch(unknown.message, /sk-nobody/);
    const nothing = await caught(() => ask({ model: "nothing" }));
    assert.ok(
      nothing instanceof OpenAI.NotFoundError && nothing.code === "model_not_found" &&
        nothing.param === "model",
    );
    assert.ok(
      await caught(() => openai.models.retrieve("nothing")) instanceof OpenAI.NotFoundError,
    );

    await setFaults(engine, "status:code=500");
    const failed = await caught(() => ask());
    assert.ok(
      failed instanceof OpenAI.InternalServerError && failed.status === 502 &&
        failed.code === "upstream_error",
    );
    await setFaults(engine, "cut:after=3");
    const cut = await caught(async () => {
      const stream = await openai.chat.completions.create({
        model: "m",
        messages,
        stream: true,
        max_tokens: 50,
      });
      for await (const chunk of stream) assert.equal(chunk.model, "m");
    }).catch((error) => error);
    assert.match(String(cut.message), /broke off|before its end/);
    await setFaults(engine);

    await sql`update api_keys set requests_per_minute = 1`;
    const limited = new OpenAI({ baseURL: `${url}/v1`, apiKey: secret, maxRetries: 0 });
    let last: unknown = null;
    for (let i = 0; i < 50 && last === null; i++) {
      last = await ask({ max_tokens: 1 }, limited).then(() => null, (error: unknown) => error);
    }
    assert.ok(last instanceof OpenAI.RateLimitError && last.code === "rate_limit_exceeded");
    assert.match(last.headers.get("retry-after") ?? "", /^\d+$/);
    assert.equal(last.headers.get("x-ratelimit-limit-requests"), "1");
    await sql`update api_keys set requests_per_minute = null, models = ${["other"]}`;
    for (let i = 0; i < 50; i++) {
      last = await ask({ max_tokens: 1 }).then(() => null, (error: unknown) => error);
      if (last instanceof OpenAI.PermissionDeniedError) break;
    }
    assert.ok(last instanceof OpenAI.PermissionDeniedError && last.code === "model_not_allowed");
  });
});

Deno.test("anthropic: messages, streaming and not, tools, and typed errors", async () => {
  await withSdks({}, async ({ anthropic, url }) => {
    const plain = await anthropic.messages.create({ model: "m", max_tokens: 20, messages });
    assert.equal(plain.type, "message");
    assert.equal(plain.model, "m");
    assert.ok(plain.content[0]?.type === "text" && plain.usage.output_tokens > 0);
    assert.match(plain._request_id ?? "", /^req_/);

    const stream = anthropic.messages.stream({ model: "m", max_tokens: 20, messages });
    const final = await stream.finalMessage();
    assert.ok(final.stop_reason !== null && final.usage.output_tokens > 0);

    const tools = [{
      name: "get_weather",
      input_schema: weather.function.parameters as Anthropic.Tool.InputSchema,
    }];
    const tooled = await anthropic.messages.create({
      model: "m",
      max_tokens: 200,
      messages,
      tools,
      tool_choice: { type: "any" },
    });
    assert.ok(
      tooled.content.some((block) => block.type === "tool_use" && block.name === "get_weather"),
    );

    const refused = await anthropic.messages.create({ model: "nothing", max_tokens: 1, messages })
      .catch((error) => error);
    assert.ok(refused instanceof Anthropic.NotFoundError);
    assert.match(refused.requestID ?? "", /^req_/);
    const stranger = new Anthropic({ baseURL: url, apiKey: "sk-nobody", maxRetries: 0 });
    const unknown = await stranger.messages.create({ model: "m", max_tokens: 1, messages }).catch((
      error,
    ) => error);
    assert.ok(unknown instanceof Anthropic.AuthenticationError);
    const missing = await anthropic.messages.create({ model: "m", messages } as never).catch((
      error,
    ) => error);
    assert.ok(missing instanceof Anthropic.BadRequestError);
  });
});
