import assert from "node:assert/strict";
import type { ParsedBody } from "./parse_request.ts";
import type { StreamKind } from "./inference_routes.ts";
import { upstreamBody } from "./upstream_body.ts";

function bodyFor(text: string, streamKind: StreamKind, accountId = "acc_1"): string {
  const parsed: ParsedBody = {
    text,
    isAscii: true,
    model: "m",
    stream: text.includes('"stream":true'),
    wantsUsage: false,
    wantsRunningUsage: false,
    choices: 1,
  };
  return upstreamBody(parsed, { upstreamModel: 'up/"x', accountId, streamKind });
}
const saltOf = (text: string): unknown => JSON.parse(text).cache_salt;

Deno.test("upstreamBody() names the model as the engine knows it and keeps the rest as written", () => {
  const text = `{ "messages": [ {"content":"\\u00e9"} ], "temperature":1.0,"model":"m" }`;
  const sent = bodyFor(text, "none");
  assert.equal(
    sent,
    `{"model":"up/\\"x","messages": [ {"content":"\\u00e9"} ], "temperature":1.0}`,
  );
});

Deno.test("upstreamBody() takes out what reaches past the client's own request", () => {
  const powers =
    `"priority":-9,"request_id":"x","kv_transfer_params":{"a":1},"ec_transfer_params":1`;
  const sent = bodyFor(`{"model":"m",${powers},"prior\\u0069ty":1,"n":1}`, "none");
  assert.equal(sent, `{"model":"up/\\"x","n":1}`);
});

Deno.test("upstreamBody() salts the prefix cache by account, over the client's own salt", () => {
  const mine = `{"model":"m","cache_salt":"shared"}`;
  const one = saltOf(bodyFor(mine, "chunks"));
  assert.match(String(one), /^[0-9a-f]{32}$/);
  assert.equal(saltOf(bodyFor(`{"model":"m"}`, "responses")), one);
  assert.notEqual(saltOf(bodyFor(mine, "chunks", "acc_2")), one);
  assert.equal(saltOf(bodyFor(`{"model":"m"}`, "messages")), undefined);
});

Deno.test("upstreamBody() asks chunk streams for running usage and keeps other stream options", () => {
  const optionsOf = (text: string, kind: StreamKind = "chunks"): unknown =>
    JSON.parse(bodyFor(text, kind)).stream_options;
  const forced = { include_usage: true, continuous_usage_stats: true };
  assert.deepEqual(optionsOf(`{"model":"m","stream":true}`), forced);
  assert.deepEqual(optionsOf(`{"model":"m","stream":true,"stream_options":null}`), forced);
  assert.deepEqual(
    optionsOf(`{"model":"m","stream":true,"stream_options":{"include_usage":false,"x":[1]}}`),
    { ...forced, x: [1] },
  );
  assert.equal(optionsOf(`{"model":"m"}`), undefined);
  assert.equal(optionsOf(`{"model":"m","stream":true}`, "responses"), undefined);
});
