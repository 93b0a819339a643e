import assert from "node:assert/strict";
import fc from "fast-check";
import { isPlainChat } from "./plain_request.ts";
import { chatRequest } from "./request_schemas.ts";

/** Mostly what a client would send, and now and then something else. */
const mostly = <T>(good: fc.Arbitrary<T>, ...others: readonly unknown[]) =>
  fc.oneof({ weight: 9, arbitrary: good }, { weight: 1, arbitrary: fc.constantFrom(...others) });
const message = fc.record({
  role: mostly(fc.constant("user"), "", 1, null),
  content: mostly(fc.string(), null, [{ type: "text", text: "hi" }]),
}, { requiredKeys: ["role"], noNullPrototype: true });
const count = mostly(fc.nat(), -1, 0.5, 2 ** 53, "1", null, true);
const number = mostly(fc.double({ noNaN: true }), 1e999, "1", null, true);
const usual = fc.record({
  model: mostly(fc.constantFrom("m", "x".repeat(256)), "", "x".repeat(257), 1, null),
  messages: mostly(
    fc.array(mostly(message, [], "a", null, {}), { minLength: 1, maxLength: 3 }),
    [],
    {},
    "a",
    null,
  ),
  stream: mostly(fc.boolean(), "true", null),
  max_tokens: count,
  max_completion_tokens: count,
  temperature: number,
  top_p: number,
  priority: fc.jsonValue(),
}, { requiredKeys: ["model", "messages"], noNullPrototype: true });
const rare = fc.record({
  stream_options: fc.constantFrom({ include_usage: true }, { include_usage: 1 }, null),
  n: count,
  seed: count,
  stop: fc.constantFrom("a", ["a"], [1], null),
  tools: fc.constantFrom([{ type: "function" }], [{}], null),
}, { requiredKeys: [], noNullPrototype: true });
const body = fc.tuple(usual, mostly(fc.constant({}), null), rare).map(([given, plain, more]) =>
  plain === null ? { ...given, ...more } : given
);

Deno.test("isPlainChat() says yes to nothing that the schema refuses or changes", () => {
  let plain = 0;
  fc.assert(
    fc.property(body, (given) => {
      if (!isPlainChat(given)) return;
      plain++;
      assert.deepEqual(chatRequest.parse(given), given);
    }),
    { numRuns: 2_000 },
  );
  assert.ok(plain > 200, `only ${plain} were plain`);
});

Deno.test("isPlainChat() knows every field that the schema checks", () => {
  for (const field of Object.keys(chatRequest.shape)) {
    const wrong = { model: "m", messages: [{ role: "user" }], [field]: { wrong: true } };
    assert.equal(isPlainChat(wrong), false, field);
  }
});

Deno.test("isPlainChat() takes what most clients send", () => {
  const messages = [{ role: "system", content: "a" }, { role: "user", content: "b" }];
  assert.ok(isPlainChat({ model: "m", messages }));
  assert.ok(isPlainChat({ model: "m", messages, stream: false, max_tokens: 16, temperature: 0.7 }));
});
