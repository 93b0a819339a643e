import assert from "node:assert/strict";
import { readJsonAnswer } from "./json_answer.ts";

Deno.test("readJsonAnswer() reads a chat answer and changes no byte when the name is ours", () => {
  const text =
    `{"id":"chatcmpl-1","model":"m","choices":[{"index":0,"message":{"content":"\\"usage\\":{}"},` +
    `"finish_reason":"length"}],"usage":{"prompt_tokens":5,"total_tokens":7,"completion_tokens":2,` +
    `"prompt_tokens_details":{"cached_tokens":4}}}`;
  assert.deepEqual(readJsonAnswer(text, "m"), {
    text,
    usage: { promptTokens: 5, completionTokens: 2, cachedTokens: 4, from: "engine" },
    finishReason: "length",
    aborted: false,
  });
});

Deno.test("readJsonAnswer() renames the answer's own model only", () => {
  const text = `{"choices":[{"message":{"model":"up"}}], "model" : "up" ,"usage":null}`;
  assert.equal(
    readJsonAnswer(text, 'a"b')?.text,
    `{"choices":[{"message":{"model":"up"}}], "model" : "a\\"b" ,"usage":null}`,
  );
});

Deno.test("readJsonAnswer() reads Messages, Responses and embeddings", () => {
  const messages =
    `{"type":"message","content":[],"stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":1}}`;
  const responses =
    `{"object":"response","output":[{"status":"completed"}],"status":"incomplete","usage":{"input_tokens":3,` +
    `"input_tokens_details":{"cached_tokens":2},"output_tokens":1}}`;
  const embeddings =
    `{"data":[],"usage":{"prompt_tokens":8,"total_tokens":8,"completion_tokens":0}}`;
  const read = (text: string) => {
    const answer = readJsonAnswer(text, "m");
    const { promptTokens, completionTokens, cachedTokens } = answer?.usage ??
      { promptTokens: -1, completionTokens: -1, cachedTokens: -1 };
    return [answer?.finishReason, promptTokens, completionTokens, cachedTokens];
  };
  assert.deepEqual(read(messages), ["tool_use", 3, 1, 0]);
  assert.deepEqual(read(responses), ["length", 3, 1, 2]);
  assert.deepEqual(read(responses.replace('"incomplete"', '"completed"')), ["stop", 3, 1, 2]);
  assert.deepEqual(read(embeddings), [null, 8, 0, 0]);
});

Deno.test("readJsonAnswer() without usage says that nothing counted it", () => {
  for (const text of [`{"a":1}`, `{"usage":null}`]) {
    assert.equal(readJsonAnswer(text, "m")?.usage.from, "none");
  }
});

Deno.test("readJsonAnswer() sees that the engine gave up, in the words and not in the text", () => {
  const abort = (choice: string) => readJsonAnswer(`{"choices":[${choice}]}`, "m")?.aborted;
  assert.equal(abort(`{"finish_reason":"abort"}`), true);
  assert.equal(abort(`{"finish_reason": "stop"},{"finish_reason": "abort"}`), true);
  assert.equal(
    abort(`{"message":"\\"finish_reason\\":\\"abort\\"","finish_reason":"stop"}`),
    false,
  );
});

Deno.test("readJsonAnswer() takes a message without a stop reason for one the engine gave up", () => {
  const message = (rest: string) => readJsonAnswer(`{"type":"message","content":[]${rest}}`, "m");
  assert.equal(message("")?.aborted, true);
  assert.equal(message(`,"stop_reason":null`)?.aborted, true);
  assert.equal(message(`,"stop_reason":"end_turn"`)?.aborted, false);
});

Deno.test("readJsonAnswer() refuses what is no JSON object", () => {
  for (const text of ["", "[]", "<html>", `{"a":1`, `"x"`]) {
    assert.equal(readJsonAnswer(text, "m"), null, text);
  }
  assert.notEqual(readJsonAnswer(` {"a":1}\n`, "m"), null);
});

Deno.test("readJsonAnswer() finds the finish reason by its names, not in the text that was written", () => {
  const finish = (choice: Record<string, unknown>) =>
    readJsonAnswer(JSON.stringify({ choices: [choice] }), "m")?.finishReason;
  const text = `"finish_reason":"abort", _reason":"x`;
  assert.equal(finish({ text, finish_reason: "length", stop_reason: null }), "length");
  assert.equal(finish({ text, stop_reason: null, finish_reason: "stop" }), "stop");
  assert.equal(finish({ text, stop_reason: "eos", finish_reason: "stop" }), "eos");
  assert.equal(finish({ text, finish_reason: null }), null);
});
