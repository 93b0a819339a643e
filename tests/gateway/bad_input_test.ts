/** Whatever a client gets wrong: an exact answer, nothing forwarded, nothing secret echoed, one log line. */
import assert from "node:assert/strict";
import { assertRefused, type Case, CHAT, GOOD, messages, SECRET_TEXT, send } from "./refusals.ts";
import { startTestGateway } from "./support.ts";

const json = (value: unknown) => JSON.stringify(value);
const invalid = (param: string | null) =>
  [400, "invalid_request", "invalid_request_error", param] as const;

const CASES: readonly Case[] = [
  {
    what: "malformed JSON",
    body: `{"model":"m","messages":[{"content":"${SECRET_TEXT}"`,
    expect: invalid(null),
    message: /^Cannot parse the body as JSON/,
  },
  { what: "a body that is no JSON at all", body: SECRET_TEXT, expect: invalid(null) },
  { what: "an empty body", body: "", expect: invalid(null), message: /empty body/ },
  { what: "a list", body: "[]", expect: invalid(null), message: /JSON object/ },
  {
    what: "bytes that are no text",
    body: new Uint8Array([0x7b, 0xff, 0x7d]),
    expect: invalid(null),
  },
  {
    what: "a wrong content type",
    headers: { "content-type": "text/plain" },
    expect: invalid("content-type"),
    message: /"text\/plain": send application\/json/,
  },
  { what: "no model", body: json({ messages }), expect: invalid("model") },
  { what: "no messages", body: json({ model: "m" }), expect: invalid("messages") },
  {
    what: "a mistyped field",
    body: json({ ...GOOD, temperature: SECRET_TEXT }),
    expect: invalid("temperature"),
  },
  {
    what: "a mistyped field deep inside",
    body: json({ ...GOOD, messages: [{ role: 7, content: SECRET_TEXT }] }),
    expect: invalid("messages[0].role"),
  },
  {
    what: "a header that asks for no tier there is",
    headers: { "x-emberlane-band": "gold" },
    expect: invalid("x-emberlane-band"),
    message: /send spot or standard/,
  },
  {
    what: "an unknown model",
    body: json({ ...GOOD, model: "nobody/knows" }),
    expect: [404, "model_not_found", "invalid_request_error", "model"],
    message: /"nobody\/knows" does not exist: choose one of m, other/,
  },
  {
    what: "an unknown model of the list",
    path: "/v1/models/nobody%2Fknows",
    method: "GET",
    expect: [404, "model_not_found", "invalid_request_error", "model"],
    message: /"nobody\/knows"/,
  },
  {
    what: "a band no tier is of",
    headers: { "x-emberlane-band": "standard" },
    expect: [503, "no_upstream", "server_error", null],
    header: ["x-should-retry", "false"],
  },
  {
    what: "a body over the limit, declared",
    body: json({ ...GOOD, pad: "x".repeat(1_000_000) }),
    expect: [413, "request_too_large", "invalid_request_error", null],
    message: /over 1000000 bytes/,
  },
  {
    what: "an unknown path",
    path: "/v1/chat",
    expect: [404, "not_found", "invalid_request_error", null],
    message: /Nothing answers at \/v1\/chat: use one of .*\/v1\/models/,
  },
  {
    what: "the root of the API",
    path: "/v1",
    method: "GET",
    expect: [404, "not_found", "invalid_request_error", null],
  },
  {
    what: "a wrong method on an inference route",
    method: "GET",
    expect: [405, "method_not_allowed", "invalid_request_error", null],
    header: ["allow", "POST"],
  },
  {
    what: "a wrong method on the models",
    path: "/v1/models/m",
    method: "DELETE",
    expect: [405, "method_not_allowed", "invalid_request_error", null],
    header: ["allow", "GET, HEAD"],
  },
  {
    what: "absurd headers",
    headers: { "x-long": "x".repeat(40_000) },
    expect: [431, "headers_too_large", "invalid_request_error", null],
  },
  {
    what: "a wrong key",
    headers: { authorization: "Bearer sk-ember-not-a-key" },
    expect: [401, "invalid_api_key", "authentication_error", null],
    message: /not one of ours/,
  },
  {
    what: "a key in no form we know",
    headers: { authorization: "Basic c2s6eA==" },
    expect: [401, "invalid_api_key", "authentication_error", null],
  },
];

Deno.test("the gateway refuses what it cannot use, exactly and at its own door", async (t) => {
  await using gateway = await startTestGateway({
    tiers: { a: { engine: {} }, b: { engine: {}, serves: "{ other: m }" } },
    models: ["m", "other"],
    gateway: "{ body_max_mb: 1 }",
  });
  const requests = () =>
    gateway.engine("a").stats().requests + gateway.engine("b").stats().requests;
  const before = requests();
  for (const refused of CASES) {
    await t.step(refused.what, async () => {
      await assertRefused(gateway, await send(gateway, refused), refused);
    });
  }
  const unauthorised = [401, "invalid_api_key", "authentication_error", null] as const;
  await t.step("no key", async () => {
    const response = await fetch(gateway.url + CHAT, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: json(GOOD),
    });
    await assertRefused(gateway, response, { expect: unauthorised, message: /no API key/ });
  });
  await t.step("a revoked and an expired key", async () => {
    const revoked = await gateway.newKey();
    await gateway.revoke(revoked.id);
    const expired = await gateway.newKey();
    await gateway.sql`
      update api_keys set created_at = now() - interval '2 days', expires_at = now() - interval '1 day'
      where id = ${expired.id}`;
    for (const [key, message] of [[revoked, /was revoked/], [expired, /it expired/]] as const) {
      const headers = { authorization: `Bearer ${key.secret}` };
      await assertRefused(gateway, await send(gateway, { headers }), {
        expect: unauthorised,
        message,
      });
    }
  });
  await t.step("a model the key may not use", async () => {
    const key = await gateway.newKey({ models: ["other"] });
    const headers = { authorization: `Bearer ${key.secret}` };
    await assertRefused(gateway, await send(gateway, { headers }), {
      expect: [403, "model_not_allowed", "permission_error", "model"],
      message: /it may use other$/,
    });
    const list = await (await send(gateway, { path: "/v1/models", method: "GET", headers })).json();
    assert.deepEqual(list.data.map((model: { id: string }) => model.id), ["other"]);
  });
  await t.step("a body over the limit, in chunks", async () => {
    const piece = new TextEncoder().encode(" ".repeat(50_000));
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent > 1_000_000) return controller.close();
        sent += piece.length;
        controller.enqueue(piece);
      },
    });
    await assertRefused(gateway, await send(gateway, { body }), {
      expect: [413, "request_too_large", "invalid_request_error", null],
    });
  });
  await t.step("on /v1/messages in Anthropic's shape", async () => {
    const response = await send(gateway, {
      path: "/v1/messages",
      body: json({ model: "m", messages }),
    });
    const id = response.headers.get("request-id");
    assert.equal(id, response.headers.get("x-request-id"));
    const { error, ...rest } = await response.json();
    assert.deepEqual([response.status, rest], [400, { type: "error", request_id: id }]);
    assert.deepEqual([error.type, error.code], ["invalid_request_error", "invalid_request"]);
    assert.match(error.message, /"max_tokens"/);
  });
  await t.step("the client's own request id is kept when it is a sane one", async () => {
    const asked = async (id: string) => {
      const response = await send(gateway, { body: "", headers: { "x-request-id": id } });
      await response.body?.cancel();
      return response.headers.get("x-request-id");
    };
    assert.equal(await asked("trace-1.a_B"), "trace-1.a_B");
    assert.equal(await asked("x".repeat(128)), "x".repeat(128));
    assert.match(await asked("x".repeat(129)) ?? "", /^req_/);
    assert.match(await asked("a b") ?? "", /^req_/);
  });
  assert.equal(requests(), before, "nothing was forwarded");
  assert.equal((await gateway.rows()).length, 0, "and nothing was booked");
});
