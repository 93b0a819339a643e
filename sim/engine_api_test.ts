/** The APIs around generation: auth, routing, models, tokens, embeddings, metrics, and their versions. */

import assert from "node:assert/strict";
import type { RawRequest } from "./http/raw_client.ts";
import { CHAT, HI, withEngine } from "./with_engine.ts";

const chat = (body: unknown, headers: Record<string, string> = {}): RawRequest => ({
  path: CHAT,
  body: { ...HI, ...Object(body) },
  headers,
});

Deno.test("startEngine() guards /v1 and /v2 with the key and nothing else", async () => {
  await withEngine({ apiKeys: ["k1", "k2"], requestIdHeaders: true }, async (_engine, go) => {
    const refused = await go({ path: "/v1/models", headers: { "x-request-id": "r" } });
    assert.deepEqual([refused.status, refused.body], [401, '{"error":"Unauthorized"}']);
    assert.ok(refused.headers.includes("x-request-id: r"));
    assert.equal((await go({ path: "/v1/nothing" })).status, 401);
    assert.equal((await go({ path: "/health" })).status, 200);
    const ok = await go({ path: "/v1/models", headers: { authorization: "bearer k2" } });
    assert.equal(ok.status, 200);
  });
});

Deno.test("startEngine() answers unknown paths and methods as FastAPI does", async () => {
  await withEngine({}, async (_engine, go) => {
    const unknown = await go({ path: "/v1/models/m" });
    assert.deepEqual([unknown.status, unknown.body], [404, '{"detail":"Not Found"}']);
    const wrong = await go({ path: CHAT });
    assert.deepEqual([wrong.status, wrong.body], [405, '{"detail":"Method Not Allowed"}']);
    assert.ok(wrong.headers.includes("allow: POST"));
    assert.equal((await go({ path: "/is_sleeping" })).body, '{"detail":"Not Found"}');
    const bad = await go({ path: "/x y" });
    assert.deepEqual([bad.status, bad.body], [400, "Invalid HTTP request received."]);
  });
});

Deno.test("startEngine() names an unknown model, with the parameter since v0.16, flat in v0.10", async () => {
  const message = '"message":"The model `x` does not exist.","type":"NotFoundError"';
  const bodies = {
    "main": `{"error":{${message},"param":"model","code":404}}`,
    "v0.16": `{"error":{${message},"param":"model","code":404}}`,
    "v0.10": `{"object":"error",${message},"param":null,"code":404}`,
  };
  for (const profile of ["main", "v0.16", "v0.10"] as const) {
    await withEngine({ profile }, async (_engine, go) => {
      const answer = await go(chat({ model: "x" }));
      assert.deepEqual([answer.status, answer.body], [404, bodies[profile]]);
      const stream = await go(chat({ model: "x", stream: true }));
      assert.equal(stream.status, 404);
    });
  }
});

Deno.test("startEngine() has /v1/messages and the new metric names only where that vLLM had them", async () => {
  await withEngine({ profile: "v0.10" }, async (_engine, go) => {
    assert.equal((await go({ path: "/v1/messages", body: {} })).body, '{"detail":"Not Found"}');
    const { body } = await go({ path: "/metrics" });
    assert.match(body, /vllm:gpu_cache_usage_perc\{/);
    assert.match(body, /vllm:time_per_output_token_seconds_bucket/);
    assert.doesNotMatch(body, /kv_cache_usage_perc|inter_token_latency|engine_sleep_state/);
  });
  await withEngine({}, async (_engine, go) => {
    const error = await go({ path: "/v1/messages", body: { ...HI, model: "x", max_tokens: 5 } });
    assert.equal(
      error.body,
      '{"type":"error","error":{"type":"NotFoundError","message":"The model `x` does not exist."}}',
    );
    const { body, headers } = await go({ path: "/metrics" });
    assert.ok(headers.includes("content-type: text/plain; version=0.0.4; charset=utf-8"));
    assert.match(body, /vllm:kv_cache_usage_perc\{/);
    assert.match(body, /vllm:num_requests_waiting_by_reason\{.*reason="capacity"\} 0\.0/);
    assert.doesNotMatch(
      body,
      /gpu_cache_usage_perc|time_per_output_token_seconds_bucket\{.*vllm:time_per/,
    );
  });
});

Deno.test("startEngine() honours guided_json in v0.10 and structured_outputs since", async () => {
  const schema = { type: "object", properties: { n: { type: "integer" } }, required: ["n"] };
  for (
    const [profile, field] of [["v0.10", "guided_json"], ["main", "structured_outputs"]] as const
  ) {
    await withEngine({ profile }, async (_engine, go) => {
      const wanted = field === "guided_json" ? schema : { json: schema };
      const { body } = await go(chat({ [field]: wanted }));
      assert.ok(Number.isInteger(JSON.parse(JSON.parse(body).choices[0].message.content).n));
    });
  }
});

Deno.test("startEngine() keeps usage and /tokenize consistent", async () => {
  await withEngine({}, async (_engine, go) => {
    const { body } = await go(chat({}, { "x-sim-tokens": "33" }));
    const { choices, usage } = JSON.parse(body);
    const prompt = choices[0].message.content;
    const tokens = JSON.parse((await go({ path: "/tokenize", body: { model: "m", prompt } })).body);
    assert.equal(tokens.count, usage.completion_tokens);
    assert.deepEqual(Object.keys(tokens), ["count", "max_model_len", "tokens", "token_strs"]);
    const back = await go({ path: "/detokenize", body: { tokens: tokens.tokens } });
    assert.deepEqual(JSON.parse(back.body), { prompt });
    const chatTokens = await go({ path: "/tokenize", body: { messages: HI.messages } });
    assert.equal(JSON.parse(chatTokens.body).count, usage.prompt_tokens);
  });
});

Deno.test("startEngine() embeds as floats and as base64 float32, and ranks the closer text first", async () => {
  await withEngine({}, async (_engine, go) => {
    const embed = async (format: string) =>
      JSON.parse(
        (await go({
          path: "/v1/embeddings",
          body: { model: "m", input: "red fox", dimensions: 4, encoding_format: format },
        })).body,
      );
    const float = await embed("float");
    assert.deepEqual(Object.keys(float), ["id", "object", "created", "model", "data", "usage"]);
    const bytes = Uint8Array.fromBase64((await embed("base64")).data[0].embedding);
    assert.deepEqual([...new Float32Array(bytes.buffer)], float.data[0].embedding);
    const documents = ["the blue sea", "a red fox"];
    const ranked = JSON.parse(
      (await go({ path: "/v1/rerank", body: { query: "red fox", documents } })).body,
    );
    assert.equal(ranked.results[0].index, 1);
    const scored = JSON.parse(
      (await go({ path: "/score", body: { text_1: "red fox", text_2: documents } })).body,
    );
    assert.ok(scored.data[1].score > scored.data[0].score);
  });
});

Deno.test("startEngine() keeps its metrics true", async () => {
  await withEngine({ promptTokensDetails: true }, async (engine, go) => {
    const content = "a long prompt that repeats itself ".repeat(10);
    const body = { model: "m", messages: [{ role: "user", content }] };
    const usages = [];
    for (const tokens of ["3", "4"]) {
      const answer = await go({ path: CHAT, body, headers: { "x-sim-tokens": tokens } });
      usages.push(JSON.parse(answer.body).usage);
    }
    await go(chat({ max_tokens: 2, ignore_eos: true }));
    assert.equal(usages[0].prompt_tokens_details, null);
    const { prompt_tokens: prompt, prompt_tokens_details: details } = usages[1];
    assert.equal(details.cached_tokens, Math.floor((prompt - 1) / 16) * 16);
    const text = (await go({ path: "/metrics" })).body;
    const value = (series: string) => {
      const line = text.split("\n").find((one) => one.startsWith(`vllm:${series}`));
      return Number(line?.split(" ").at(-1));
    };
    const own = '{model_name="m",engine="0"';
    assert.equal(value(`generation_tokens_total${own}`), 9);
    assert.equal(value(`prompt_tokens_total${own}`), engine.stats().prompt_tokens);
    assert.equal(value(`prefix_cache_hits_total${own}`), details.cached_tokens);
    assert.equal(value(`request_success_total${own},finished_reason="stop"`), 2);
    assert.equal(value(`request_success_total${own},finished_reason="length"`), 1);
    assert.equal(value(`time_to_first_token_seconds_count${own}`), 3);
    assert.equal(value(`inter_token_latency_seconds_count${own}`), 6);
    assert.equal(value(`num_requests_running${own}`), 0);
    assert.match(
      text,
      /http_requests_total\{handler="\/v1\/chat\/completions",method="POST",status="2xx"\} 3\.0/,
    );
  });
});

Deno.test("startEngine() thinks with a reasoning parser, unless the request switches it off", async () => {
  await withEngine({ reasoningParser: "qwen3", forceIncludeUsage: true }, async (_engine, go) => {
    const on = await go(chat({ stream: true }, { "x-sim-tokens": "10" }));
    assert.equal(on.body.split('"delta":{"reasoning":').length - 1, 4);
    // forced usage turns continuous usage on for everybody
    assert.equal(on.body.split('"usage":').length - 1, 12);
    const off = await go(chat({ chat_template_kwargs: { enable_thinking: false } }));
    assert.equal(JSON.parse(off.body).choices[0].message.reasoning, null);
  });
});
