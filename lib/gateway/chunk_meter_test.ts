import assert from "node:assert/strict";
import type { MeteredUsage } from "./stream_meter.ts";
import { chunkMeter, type ChunkMeterOptions } from "./chunk_meter.ts";

const options: ChunkMeterOptions = {
  publicModel: "m",
  wantsUsage: false,
  wantsRunningUsage: false,
  choices: 1,
};
const asked = { ...options, wantsUsage: true };
const askedAll = { ...asked, wantsRunningUsage: true };

const HEAD = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"m","choices":[`;
const event = (choice: string, after = "") => `${HEAD}${choice}]${after}}\n\n`;
const usage = (completion: number, more = "") =>
  `,"usage":{"prompt_tokens":5,"total_tokens":${
    5 + completion
  },"completion_tokens":${completion}${more}}`;
const role = (index = 0) =>
  `{"index":${index},"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}`;
const said = (text: string, index = 0) =>
  `{"index":${index},"delta":{"content":${JSON.stringify(text)}},"finish_reason":null}`;
const end = (reason = "stop", index = 0) =>
  `{"index":${index},"delta":{},"finish_reason":"${reason}"}`;

const forward = (text: string, content = true) => ({ kind: "forward" as const, text, content });

const countsOf = ({ promptTokens, completionTokens, cachedTokens, from }: MeteredUsage) => ({
  ...{ promptTokens, completionTokens, cachedTokens, from },
});

Deno.test("chunkMeter() cuts forced usage out and leaves every other byte", () => {
  const meter = chunkMeter(options);
  const after = `,"prompt_token_ids":null,"prompt_text":null`;
  assert.deepEqual(
    meter.read(
      event(role(), usage(0, `,"completion_tokens_details":{"reasoning_tokens":0}`) + after),
    ),
    forward(event(role(), after), false),
  );
  assert.deepEqual(meter.read(event(said("Hi"), usage(1))), forward(event(said("Hi"))));
  assert.deepEqual(meter.read(event(end(), usage(2))), forward(event(end())));
  assert.deepEqual(meter.read(event("", usage(2))), { kind: "drop" });
  assert.deepEqual(meter.read("data: [DONE]\n\n"), { kind: "drop" });
  assert.equal(meter.endMarker, "data: [DONE]\n\n");
  assert.deepEqual(countsOf(meter.usage), {
    promptTokens: 5,
    completionTokens: 2,
    cachedTokens: 0,
    from: "engine",
  });
});

Deno.test("chunkMeter() keeps the usage chunk of a client that asked for it, and only that", () => {
  const meter = chunkMeter(asked);
  assert.deepEqual(meter.read(event(said("Hi"), usage(1))), forward(event(said("Hi"))));
  const last = event("", usage(1, `,"prompt_tokens_details":{"cached_tokens":3}`));
  assert.deepEqual(meter.read(last), forward(last));
  assert.equal(meter.usage.cachedTokens, 3);
});

Deno.test("chunkMeter() touches nothing when the client asked for running usage", () => {
  const meter = chunkMeter(askedAll);
  for (
    const text of [
      event(said(`"usage":{"prompt_tokens":9}`), usage(1)),
      event(end(), usage(2)),
      event("", usage(2)),
    ]
  ) assert.deepEqual(meter.read(text), forward(text));
});

Deno.test("chunkMeter() is not misled by an answer that quotes what it looks for", () => {
  const meter = chunkMeter(options);
  const words =
    `"usage":{"completion_tokens":900},"choices":[],"finish_reason":"abort","model":"x"`;
  assert.deepEqual(meter.read(event(said(words), usage(1))), forward(event(said(words))));
  assert.equal(meter.usage.completionTokens, 1);
  assert.equal(meter.finished(), false);
});

Deno.test("chunkMeter() counts running usage of all choices together, since vLLM gives each choice its own", () => {
  const meter = chunkMeter({ ...options, choices: 2 });
  meter.read(event(said("a", 0), usage(1)));
  meter.read(event(said("b", 1), usage(1)));
  meter.read(event(said("c", 0), usage(2)));
  assert.deepEqual(
    [meter.usage.promptTokens, meter.usage.completionTokens, meter.usage.from],
    [5, 3, "running"],
  );
  meter.read(event("", usage(3)));
  assert.deepEqual([meter.usage.completionTokens, meter.usage.from], [3, "engine"]);
});

Deno.test("chunkMeter() counts chunks while the engine tells no usage", () => {
  const meter = chunkMeter(options);
  meter.read(event(said("a")));
  meter.read(event(said("b")));
  assert.deepEqual([meter.usage.completionTokens, meter.usage.from], [2, "chunks"]);
  meter.read(event(said("c"), usage(7)));
  meter.read(event(said("d")));
  assert.deepEqual([meter.usage.completionTokens, meter.usage.from], [7, "running"]);
});

Deno.test("chunkMeter() is finished once every choice is, and tells the first one's reason", () => {
  const meter = chunkMeter({ ...options, choices: 2 });
  assert.equal(meter.finishReason, null);
  meter.read(event(end("length", 1)));
  assert.equal(meter.finished(), false);
  meter.read(event(end("length", 1)));
  assert.equal(meter.finished(), false, "the same choice twice");
  meter.read(event(end("tool_calls", 0)));
  assert.equal(meter.finished(), true);
  assert.equal(meter.finishReason, "tool_calls");
});

Deno.test("chunkMeter() takes neither the role nor bare usage for content", () => {
  const meter = chunkMeter(askedAll);
  assert.deepEqual(meter.read(event(role(), usage(0))), forward(event(role(), usage(0)), false));
  assert.deepEqual(meter.read(event("", usage(0))), forward(event("", usage(0)), false));
  assert.equal(meter.finished(), false);
});

Deno.test("chunkMeter() takes a role chunk that says more for content", () => {
  for (
    const delta of [
      `{"role":"assistant","content":"Hi"}`,
      `{"role":"assistant","tool_calls":[{"index":0}]}`,
      `{"role":"assistant","content":"","reasoning":"so"}`,
    ]
  ) {
    const text = event(`{"index":0,"delta":${delta},"finish_reason":null}`);
    assert.deepEqual(chunkMeter(options).read(text), forward(text), delta);
  }
  const ended = event(`{"index":0,"delta":{"role":"assistant"},"finish_reason":"stop"}`);
  assert.deepEqual(chunkMeter(options).read(ended), forward(ended));
});

Deno.test("chunkMeter() calls an abort nobody asked for a failure", () => {
  const meter = chunkMeter(options);
  assert.equal(meter.read(event(end("abort"), usage(1))).kind, "failure");
  assert.equal(meter.finished(), false);
});

Deno.test("chunkMeter() reports error events and chunks that are no JSON object", () => {
  const failed = (text: string) => {
    const reading = chunkMeter(options).read(text);
    return reading.kind === "failure" ? reading.message : reading.kind;
  };
  assert.equal(failed(`data: {"error": {"message": "It died", "code": 500}}\n\n`), "It died");
  assert.equal(
    failed(`data: {"error": {"message": ""}}\n\n`),
    "the engine failed without saying why",
  );
  assert.equal(failed(`data: {"error": "x"}\n\n`), "the engine failed without saying why");
  assert.match(failed(`data: {"id":"chatcmpl-broken","object":"chat.com\n\n`), /not JSON/);
  assert.match(failed(`data: null\n\n`), /not JSON/);
});

Deno.test("chunkMeter() forwards comments without taking them for content", () => {
  assert.deepEqual(
    chunkMeter(options).read(": keep-alive\n\n"),
    forward(": keep-alive\n\n", false),
  );
});

Deno.test("chunkMeter() names the model as the catalogue does, whatever the engine calls it", () => {
  const engine = event(said(`"model":"m"`)).replace(`"model":"m"`, `"model":"/models/llama"`);
  const public_ = engine.replace(`"model":"/models/llama"`, `"model":"a/\\"b"`);
  assert.deepEqual(
    chunkMeter({ ...options, publicModel: 'a/"b' }).read(engine),
    forward(public_),
  );
  const longer = engine.replace(`"/models/llama"`, `"m-long"`);
  assert.deepEqual(chunkMeter(options).read(longer), forward(event(said(`"model":"m"`))));
});
