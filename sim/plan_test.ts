/** What a choice will say: seeds, lengths, stops, shapes. */

import assert from "node:assert/strict";
import { planChoice, type PlanInput, toolsWanted } from "./plan.ts";

const INPUT: PlanInput = {
  seed: 1,
  salt: "prompt",
  choice: 0,
  wish: { kind: "text" },
  reasoning: false,
  echo: null,
  garbled: false,
  maxTokens: 100,
  maxTokensGiven: true,
  minTokens: 0,
  ignoreEos: false,
  exactTokens: null,
  stop: [],
  includeStop: false,
};
const say = (change: Partial<PlanInput>) => planChoice({ ...INPUT, ...change });

Deno.test("planChoice() says the same for the same seed, and else something different", () => {
  const first = say({ exactTokens: 40 }).tokens.join("");
  assert.equal(say({ exactTokens: 40 }).tokens.join(""), first);
  assert.notEqual(say({ exactTokens: 40, seed: 2 }).tokens.join(""), first);
  assert.notEqual(say({ exactTokens: 40, salt: "other" }).tokens.join(""), first);
  assert.notEqual(say({ exactTokens: 40, choice: 1 }).tokens.join(""), first);
});

Deno.test("planChoice() always says that it is simulated", () => {
  for (let seed = 0; seed < 50; seed++) {
    assert.match(say({ seed, exactTokens: 15 }).tokens.join(""), /simulat/);
  }
});

Deno.test("planChoice() writes exactly the tokens asked for, up to max_tokens", () => {
  const short = say({ exactTokens: 99 });
  assert.equal(short.tokens.length, 99);
  assert.equal(short.finish, "stop");
  assert.equal(say({ exactTokens: 100 }).finish, "length");
  assert.equal(say({ exactTokens: 101 }).tokens.length, 100);
  const ignoring = say({ ignoreEos: true });
  assert.deepEqual([ignoring.tokens.length, ignoring.finish], [100, "length"]);
});

Deno.test("planChoice() draws lengths from the six shares when max_tokens is given", () => {
  const below = { third: 0, all: 0 };
  for (let seed = 0; seed < 2_000; seed++) {
    const { length } = say({ seed, maxTokens: 600 }).tokens;
    assert.ok(length >= 1 && length <= 600);
    below.all++;
    if (length <= 200) below.third++;
  }
  // the first two ranges hold half of the draws
  assert.ok(Math.abs(below.third / below.all - 0.5) < 0.05, `${below.third} of ${below.all}`);
});

Deno.test("planChoice() ends at a stop string, hides it, and counts the tokens it took", () => {
  const free = say({ exactTokens: 60 });
  const text = free.tokens.join("");
  const stop = text.slice(20, 24);
  const cut = say({ exactTokens: 60, stop: [stop] });
  assert.equal(cut.tokens.join(""), text.slice(0, text.indexOf(stop)));
  assert.equal(cut.stopReason, stop);
  assert.equal(cut.finish, "stop");
  assert.ok(cut.tokens.length < 60 && cut.tokens.length > 1);
  const kept = say({ exactTokens: 60, stop: [stop], includeStop: true });
  assert.ok(kept.tokens.join("").endsWith(stop));
});

Deno.test("planChoice() thinks first when a parser is set", () => {
  const { spans, tokens } = say({ reasoning: true, exactTokens: 50 });
  assert.deepEqual(spans, [
    { kind: "reasoning", from: 0, to: 20 },
    { kind: "text", from: 20, to: 50 },
  ]);
  assert.equal(tokens.length, 50);
});

Deno.test("planChoice() calls tools with arguments of their schema, and cuts them at max_tokens", () => {
  const tool = {
    name: "f",
    parameters: { type: "object", properties: { n: { type: "integer", minimum: 3 } } },
  };
  const wish = { kind: "tools", calls: [tool], named: false } as const;
  const made = say({ wish });
  assert.equal(made.finish, "tool_calls");
  assert.ok(JSON.parse(made.tokens.join("")).n >= 3);
  const cut = say({ wish, maxTokens: 2 });
  assert.deepEqual([cut.tokens.length, cut.finish], [2, "length"]);
});

Deno.test("planChoice() writes noise when weights were lost, and echoes only when told to", () => {
  assert.match(say({ garbled: true, exactTokens: 3 }).tokens.join(""), /^!!!$/);
  assert.equal(say({ echo: "hello you", exactTokens: 4 }).tokens.join(""), "hello youhello you");
});

Deno.test("toolsWanted() finds the tools a text names, or the first when a call is asked for", () => {
  const tools = [{ name: "get_weather", parameters: {} }, { name: "add", parameters: {} }];
  assert.deepEqual(toolsWanted(tools, "use Get_Weather now").map((t) => t.name), ["get_weather"]);
  assert.deepEqual(toolsWanted(tools, "call a tool please").map((t) => t.name), ["get_weather"]);
  assert.deepEqual(toolsWanted(tools, "hello"), []);
});
