/** Errors of bad bodies, against the texts FastAPI and pydantic give. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { HttpRequest } from "../http/request.ts";
import { type ProfileName, profileOf } from "../profile.ts";
import { errorBody } from "../wire/errors.ts";
import { checkBody } from "./body.ts";
import { CHAT_FIELDS, chatProblem } from "./chat.ts";

function post(body: string, contentType: string | null = "application/json"): HttpRequest {
  return {
    method: "POST",
    path: "/v1/chat/completions",
    query: new URLSearchParams(),
    headers: new Map(contentType === null ? [] : [["content-type", contentType]]),
    keepAlive: true,
    http10: false,
    body: Buffer.from(body),
  };
}

function errorOf(body: string, contentType?: string | null, name: ProfileName = "main"): string {
  const profile = profileOf(name);
  const checked = checkBody(profile, post(body, contentType), CHAT_FIELDS, chatProblem);
  assert.equal(checked.ok, false);
  return checked.ok ? "" : errorBody(profile, checked.error);
}

Deno.test("checkBody() tells broken JSON with Python's words and position", () => {
  assert.equal(
    errorOf("x"),
    `{"error":{"message":"1 validation error:\\n  {'type': 'json_invalid', 'loc': ('body', 0), 'msg': 'JSON decode error', 'input': {}, 'ctx': {'error': 'Expecting value'}}","type":"Bad Request","param":"body.0","code":400}}`,
  );
  assert.match(
    errorOf('{"a":1,}'),
    /'loc': \('body', 7\).*Expecting property name enclosed in double quotes/,
  );
});

Deno.test("checkBody() takes nothing but application/json, with parameters", () => {
  const message =
    "1 validation error:\\n  Unsupported Media Type: Only 'application/json' is allowed";
  const expected =
    `{"error":{"message":"${message}","type":"Bad Request","param":null,"code":400}}`;
  assert.equal(errorOf("{}", "text/plain"), expected);
  assert.equal(errorOf("{}", null), expected);
  assert.match(errorOf("{}", "Application/JSON; charset=utf-8"), /missing/);
});

Deno.test("checkBody() tells a missing field and shows the body as a Python dict", () => {
  assert.equal(
    errorOf('{"model":"m"}'),
    `{"error":{"message":"1 validation error:\\n  {'type': 'missing', 'loc': ('body', 'messages'), 'msg': 'Field required', 'input': {'model': 'm'}}","type":"Bad Request","param":"body.messages","code":400}}`,
  );
  assert.match(
    errorOf(`{"model":"it's","temperature":1.0,"stream":true,"n":null}`),
    /'input': \{'model': \\"it's\\", 'temperature': 1.0, 'stream': True, 'n': None\}/,
  );
});

Deno.test("checkBody() lists several errors under one count", () => {
  assert.match(
    errorOf('{"max_tokens":"many","n":1.5}'),
    /^\{"error":\{"message":"3 validation errors:\\n {2}\{'type': 'missing'.*\\n {2}\{'type': 'int_from_float', 'loc': \('body', 'n'\).*\\n {2}\{'type': 'int_parsing', 'loc': \('body', 'max_tokens'\), 'msg': 'Input should be a valid integer, unable to parse string as an integer', 'input': 'many'\}"/,
  );
});

Deno.test("checkBody() puts vLLM's own rules before the fields, wrapped before 2026-07", () => {
  const body = '{"stream_options":{"include_usage":true}}';
  assert.equal(
    errorOf(body),
    '{"error":{"message":"Stream options can only be defined when `stream=True`. (parameter=stream_options)","type":"BadRequestError","param":"stream_options","code":400}}',
  );
  assert.match(errorOf(body, undefined, "v0.16"), /'type': 'value_error'.*"type":"Bad Request"/);
});

Deno.test("checkBody() answers flat errors in v0.10", () => {
  assert.match(
    errorOf('{"model":"m"}', undefined, "v0.10"),
    /^\{"object":"error","message":"1 validation error:.*","type":"Bad Request","param":"body.messages","code":400\}$/,
  );
});

Deno.test("checkBody() refuses wrong uses of tools and logprobs", () => {
  assert.match(errorOf('{"messages":[],"tools":[]}'), /`tools` must not be an empty array/);
  assert.match(
    errorOf('{"messages":[],"tool_choice":"auto"}'),
    /When using `tool_choice`, `tools` must be set\. \(parameter=tool_choice\)/,
  );
  assert.match(errorOf('{"messages":[],"top_logprobs":2}'), /`logprobs` must be set to true/);
  assert.match(errorOf('{"messages":[],"cache_salt":""}'), /cache_salt/);
});
