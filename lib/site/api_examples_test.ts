import assert from "node:assert/strict";
import { examplesOf, jsonLines } from "./api_examples.ts";

const chat = {
  method: "POST",
  path: "/v1/chat/completions",
  body: { model: "m", stream: true, messages: [{ role: "user", content: "It's true: [1, 2]" }] },
} as const;

Deno.test("jsonLines() changes the spaces of JSON and nothing else", () => {
  const value = { a: "x: y, z", b: [1, { c: null }], d: "long".repeat(30), e: [["p", 'q"r']] };
  assert.deepEqual(JSON.parse(jsonLines(value)), value);
});

Deno.test("examplesOf() quotes an apostrophe for the shell so that the body arrives whole", async () => {
  const { curl } = examplesOf(chat, "http://localhost:8000");
  const body = curl.slice(curl.indexOf("-d ") + 3);
  const shell = await new Deno.Command("sh", { args: ["-c", `printf %s ${body}`] }).output();
  assert.deepEqual(JSON.parse(new TextDecoder().decode(shell.stdout)), chat.body);
});

Deno.test("examplesOf() writes Python's words for true, false and null, and leaves texts alone", () => {
  const { python } = examplesOf(
    { ...chat, body: { ...chat.body, stop: null, user: "true" } },
    "http://localhost:8000",
  );
  assert.match(python, /stream=True,/);
  assert.match(python, /stop=None,/);
  assert.match(python, /user="true",/);
  assert.match(python, /base_url="http:\/\/localhost:8000\/v1"/);
});

Deno.test("examplesOf() leaves the version out of Anthropic's base URL, which its package adds", () => {
  const { python, javascript } = examplesOf({ ...chat, path: "/v1/messages" }, "http://h");
  assert.match(python, /base_url="http:\/\/h",/);
  assert.match(javascript, /baseURL: "http:\/\/h",/);
});

Deno.test("examplesOf() calls routes that no package names by their path below /v1", () => {
  const { python, javascript } = examplesOf({ ...chat, path: "/v1/rerank" }, "http://h");
  assert.match(python, /client\.post\(\n {4}"\/rerank",/);
  assert.match(javascript, /client\.post\("\/rerank", \{/);
});
