/** Completion bytes against what vLLM's own pydantic classes print. */

import assert from "node:assert/strict";
import { type CompletionOptions, completionShape } from "./completions.ts";
import { frameOf, textChoice } from "./frame_of.ts";

const OPTIONS: CompletionOptions = {
  includeUsage: false,
  continuousUsage: false,
  logprobs: null,
  tokensAsIds: false,
  returnTokenIds: false,
  echo: false,
  n: 1,
};
const GIVEN = { id: "cmpl-abc", promptTokens: 1 };

Deno.test("completionShape() writes the whole answer as vLLM does", () => {
  assert.equal(
    completionShape(frameOf([textChoice([" hi"], "length")], GIVEN), OPTIONS).whole(),
    '{"id":"cmpl-abc","object":"text_completion","created":1755000000,"model":"m","choices":[{"index":0,"text":" hi","logprobs":null,"finish_reason":"length","stop_reason":null,"token_ids":null,"prompt_logprobs":null,"prompt_token_ids":null,"routed_experts":null}],"service_tier":null,"system_fingerprint":"vllm-0.24.0-abcdef01","usage":{"prompt_tokens":1,"total_tokens":2,"completion_tokens":1,"prompt_tokens_details":null,"completion_tokens_details":null},"kv_transfer_params":null,"ec_transfer_params":null,"metrics":null}',
  );
});

Deno.test("completionShape() streams chunks without a role", () => {
  const pre = 'data: {"id":"cmpl-abc","object":"text_completion","created":1755000000,"model":"m",';
  const frame = frameOf([textChoice([" hi", ""], "length")], GIVEN);
  const shape = completionShape(frame, OPTIONS);
  assert.deepEqual(shape.opening(), []);
  assert.deepEqual([...shape.delta(0, 0, 1, null), ...shape.delta(0, 1, 2, "length")], [
    pre +
    '"choices":[{"index":0,"text":" hi","logprobs":null,"finish_reason":null,"stop_reason":null,"prompt_token_ids":null,"token_ids":null}]}\n\n',
    pre +
    '"choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"length","stop_reason":null,"prompt_token_ids":null,"token_ids":null}],"system_fingerprint":"vllm-0.24.0-abcdef01"}\n\n',
  ]);
  assert.deepEqual(completionShape(frame, { ...OPTIONS, includeUsage: true }).closing(), [
    pre +
    '"choices":[],"usage":{"prompt_tokens":1,"total_tokens":3,"completion_tokens":2},"system_fingerprint":"vllm-0.24.0-abcdef01"}\n\n',
  ]);
});

Deno.test("completionShape() repeats the prompt first with echo, and offsets logprobs by it", () => {
  const frame = frameOf([textChoice([" hi"])], GIVEN);
  const whole = JSON.parse(completionShape(frame, { ...OPTIONS, echo: true, logprobs: 1 }).whole());
  assert.equal(whole.choices[0].text, "x hi");
  assert.deepEqual(whole.choices[0].logprobs.text_offset, [0, 1]);
  assert.deepEqual(whole.choices[0].logprobs.tokens, ["x", " hi"]);
});
