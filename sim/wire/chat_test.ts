/** Chat bytes against what vLLM's own pydantic classes print. */

import assert from "node:assert/strict";
import type { Choice } from "../plan.ts";
import { type ChatOptions, chatShape } from "./chat.ts";
import { ENGINE_DEAD } from "./errors.ts";
import { frameOf, textChoice } from "./frame_of.ts";

const OPTIONS: ChatOptions = {
  includeUsage: false,
  continuousUsage: false,
  logprobs: null,
  tokensAsIds: false,
  returnTokenIds: false,
  returnPromptText: false,
  echo: null,
  namedTool: false,
  includeReasoning: true,
  toolIds: [["chatcmpl-tool-1"]],
};
const hello = textChoice(["Hel", "lo"]);
const PRE =
  'data: {"id":"chatcmpl-abc","object":"chat.completion.chunk","created":1755000000,"model":"m",';

/** Reasoning of one token, then a call of get_weather. */
const calling: Choice = {
  tokens: ["I think", "", '{"city"', ':"x"}'],
  spans: [
    { kind: "reasoning", from: 0, to: 1 },
    { kind: "tool", from: 1, to: 4, call: 0, name: "get_weather" },
  ],
  finish: "tool_calls",
  stopReason: null,
};

Deno.test("chatShape() writes the whole answer as vLLM does, nulls included", () => {
  assert.equal(
    chatShape(frameOf([textChoice(["Hel", "lo"])]), OPTIONS).whole(),
    '{"id":"chatcmpl-abc","object":"chat.completion","created":1755000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello","refusal":null,"annotations":null,"audio":null,"function_call":null,"reasoning":null},"logprobs":null,"finish_reason":"stop","stop_reason":null,"token_ids":null,"routed_experts":null}],"service_tier":null,"system_fingerprint":"vllm-0.24.0-abcdef01","usage":{"prompt_tokens":5,"total_tokens":7,"completion_tokens":2,"prompt_tokens_details":null,"completion_tokens_details":null},"prompt_logprobs":null,"prompt_token_ids":null,"prompt_text":null,"kv_transfer_params":null,"ec_transfer_params":null,"metrics":null}',
  );
});

Deno.test("chatShape() streams role, content, finish with the fingerprint when no usage follows", () => {
  const shape = chatShape(frameOf([hello]), OPTIONS);
  assert.deepEqual(shape.opening(), [
    PRE +
    '"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"prompt_token_ids":null,"prompt_text":null}\n\n',
  ]);
  assert.deepEqual(shape.delta(0, 0, 1, null), [
    PRE +
    '"choices":[{"index":0,"delta":{"content":"Hel"},"logprobs":null,"finish_reason":null,"token_ids":null}]}\n\n',
  ]);
  assert.deepEqual(shape.delta(0, 1, 2, "stop"), [
    PRE +
    '"choices":[{"index":0,"delta":{"content":"lo"},"logprobs":null,"finish_reason":"stop","stop_reason":null,"token_ids":null}],"system_fingerprint":"vllm-0.24.0-abcdef01"}\n\n',
  ]);
  assert.deepEqual(shape.closing(), []);
  assert.equal(shape.terminator, "data: [DONE]\n\n");
});

Deno.test("chatShape() moves the fingerprint to the usage chunk when there is one", () => {
  const shape = chatShape(frameOf([hello]), { ...OPTIONS, includeUsage: true });
  assert.deepEqual(shape.delta(0, 1, 2, "stop"), [
    PRE +
    '"choices":[{"index":0,"delta":{"content":"lo"},"logprobs":null,"finish_reason":"stop","stop_reason":null,"token_ids":null}]}\n\n',
  ]);
  assert.deepEqual(shape.closing(), [
    PRE +
    '"choices":[],"usage":{"prompt_tokens":5,"total_tokens":7,"completion_tokens":2},"system_fingerprint":"vllm-0.24.0-abcdef01"}\n\n',
  ]);
});

Deno.test("chatShape() puts running usage on every chunk with continuous_usage_stats", () => {
  const options = { ...OPTIONS, includeUsage: true, continuousUsage: true };
  const shape = chatShape(frameOf([hello]), options);
  assert.match(
    shape.opening()[0] ?? "",
    /\],"usage":\{"prompt_tokens":5,"total_tokens":5,"completion_tokens":0,"completion_tokens_details":null\},"prompt_token_ids":null/,
  );
  assert.deepEqual(shape.delta(0, 0, 1, null), [
    PRE +
    '"choices":[{"index":0,"delta":{"content":"Hel"},"logprobs":null,"finish_reason":null,"token_ids":null}],"usage":{"prompt_tokens":5,"total_tokens":6,"completion_tokens":1,"completion_tokens_details":null}}\n\n',
  ]);
});

Deno.test("chatShape() drops nulls from the usage chunk and tells cached and reasoning tokens", () => {
  const frame = frameOf([calling], {
    promptTokens: 50,
    cached: 48,
    produced: [2],
    reasoning: true,
    promptTokensDetails: true,
  });
  assert.match(
    chatShape(frame, { ...OPTIONS, includeUsage: true }).closing()[0] ?? "",
    /"usage":\{"prompt_tokens":50,"total_tokens":52,"completion_tokens":2,"prompt_tokens_details":\{"cached_tokens":48\},"completion_tokens_details":\{"reasoning_tokens":1\}\},/,
  );
  assert.match(
    chatShape(frame, OPTIONS).whole(),
    /"prompt_tokens_details":\{"cached_tokens":48,"created_cache_tokens":null,"multimodal_tokens":null\},"completion_tokens_details":\{"reasoning_tokens":1\}\}/,
  );
});

Deno.test("chatShape() streams reasoning and a tool call in vLLM's pieces", () => {
  const shape = chatShape(frameOf([calling], { reasoning: true }), OPTIONS);
  const deltas = [0, 1, 2, 3].map((i) =>
    shape.delta(0, i, i + 1, i === 3 ? "tool_calls" : null)[0]?.match(/"delta":(.*),"logprobs"/)
      ?.[1]
  );
  assert.deepEqual(deltas, [
    '{"reasoning":"I think"}',
    '{"tool_calls":[{"id":"chatcmpl-tool-1","type":"function","index":0,"function":{"name":"get_weather"}}]}',
    '{"tool_calls":[{"index":0,"function":{"arguments":"{\\"city\\""}}]}',
    '{"tool_calls":[{"index":0,"function":{"arguments":":\\"x\\"}"}}]}',
  ]);
});

Deno.test("chatShape() gives a tool call null content and keeps a named choice at stop with empty content", () => {
  const auto = chatShape(frameOf([calling], { reasoning: true }), OPTIONS).whole();
  assert.match(
    auto,
    /"message":\{"role":"assistant","content":null,"refusal":null,"annotations":null,"audio":null,"function_call":null,"tool_calls":\[\{"id":"chatcmpl-tool-1","type":"function","function":\{"name":"get_weather","arguments":"\{\\"city\\":\\"x\\"\}"\}\}\],"reasoning":"I think"\}/,
  );
  assert.match(auto, /"finish_reason":"tool_calls"/);
  const named = chatShape(frameOf([calling]), { ...OPTIONS, namedTool: true }).whole();
  assert.match(named, /"content":"",.*"finish_reason":"stop"/);
});

Deno.test("chatShape() splits a merged range where reasoning ends", () => {
  const shape = chatShape(frameOf([calling]), OPTIONS);
  assert.equal(shape.delta(0, 0, 4, "tool_calls").length, 2);
  assert.match(shape.delta(0, 0, 4, "tool_calls")[1] ?? "", /"name":"get_weather","arguments":"\{/);
});

Deno.test("chatShape() names the thinking after its version", () => {
  for (
    const [profile, field] of [["v0.16", "reasoning"], ["v0.10", "reasoning_content"]] as const
  ) {
    const shape = chatShape(frameOf([calling], { profile }), OPTIONS);
    assert.match(shape.delta(0, 0, 1, null)[0] ?? "", new RegExp(`"delta":{"${field}":"I think"}`));
    const whole = shape.whole();
    assert.match(whole, /"system_fingerprint":null/);
    assert.doesNotMatch(whole, /"metrics"|completion_tokens_details/);
  }
});

Deno.test("chatShape() writes logprobs with bytes and alternatives", () => {
  const shape = chatShape(frameOf([hello]), { ...OPTIONS, logprobs: 1 });
  const [, logprob] = shape.delta(0, 0, 1, null)[0]?.match(/"logprob":(-0\.\d+)/) ?? [];
  const entry = `"token":"Hel","logprob":${logprob},"bytes":[72,101,108]`;
  assert.ok(
    shape.delta(0, 0, 1, null)[0]?.includes(
      `"logprobs":{"content":[{${entry},"top_logprobs":[{${entry}}]}]}`,
    ),
  );
});

Deno.test("chatShape() ends a swallowed tail with an empty delta, and text without a parser with empty content", () => {
  const shape = chatShape(frameOf([calling]), OPTIONS);
  assert.match(shape.delta(0, 4, 4, "abort")[0] ?? "", /"delta":\{\},.*"finish_reason":"abort"/);
  const plain = chatShape(frameOf([hello]), OPTIONS);
  assert.match(plain.delta(0, 2, 2, "abort")[0] ?? "", /"delta":\{"content":""\}/);
});

Deno.test("chatShape() writes a failure inside a stream with spaces, flat in v0.10, as a 400 before 2026-07", () => {
  assert.deepEqual(chatShape(frameOf([hello]), OPTIONS).failure(ENGINE_DEAD), [
    'data: {"error": {"message": "EngineCore encountered an issue. See stack trace (above) for the root cause.", "type": "InternalServerError", "param": null, "code": 500}}\n\n',
  ]);
  assert.match(
    chatShape(frameOf([hello], { profile: "v0.10" }), OPTIONS).failure(ENGINE_DEAD)[0] ?? "",
    /^data: \{"error": \{"object": "error", .*"type": "BadRequestError", "param": null, "code": 400\}\}\n\n$/,
  );
});
