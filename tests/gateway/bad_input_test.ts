/** Whatever a client gets wrong: an exact answer, nothing forwarded, nothing secret echoed, one log line. */
import assert from "node:assert/strict";
import { instant } from "@/lib/kernel/clock.ts";
import { until } from "@/tests/e2e/support.ts";
import { startTestGateway, type TestGateway } from "./support.ts";

const SECRET_TEXT = "the-private-prompt";
const CHAT = "/v1/chat/completions";
const messages = [{ role: "user", content: SECRET_TEXT }];
const GOOD = { model: "m", messages, max_tokens: 4, ignore_eos: true };

type Case = {
  readonly what: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: BodyInit;
  readonly expect: readonly [status: number, code: string, type: string, param: string | null];
  readonly message?: RegExp;
  /** A header the answer has, with its value. */
  readonly header?: readonly [name: string, value: string];
};

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

async function send(
  gateway: TestGateway,
  { path = CHAT, method = "POST", headers, body }: Partial<Case>,
) {
  const withBody = method === "POST";
  return await fetch(gateway.url + path, {
    method,
    headers: {
      authorization: `Bearer ${gateway.secret}`,
      ...(withBody ? { "content-type": "application/json" } : {}),
      ...headers,
    },
    ...(withBody ? { body: body ?? json(GOOD) } : {}),
  });
}

async function assertRefused(
  gateway: TestGateway,
  response: Response,
  { expect: [status, code, type, param], message = /./, header }: Omit<Case, "what">,
): Promise<void> {
  const text = await response.text();
  assert.equal(response.status, status, text);
  const { error, ...rest } = JSON.parse(text);
  assert.deepEqual(rest, {});
  assert.deepEqual(error, { message: error.message, type, param, code });
  assert.match(error.message, message);
  assert.equal(response.headers.get("content-type"), "application/json");
  if (header !== undefined) assert.equal(response.headers.get(header[0]), header[1]);
  const id = response.headers.get("x-request-id") ?? "";
  assert.match(id, /^req_/);
  assert.equal(linesOf(gateway, id).length, 1, "one log line");
  for (const secret of [SECRET_TEXT, gateway.secret, "sk-ember-not-a-key"]) {
    assert.ok(!text.includes(secret), "the answer echoes a secret");
    assert.ok(!JSON.stringify(gateway.lines()).includes(secret), "the log holds a secret");
  }
}

const linesOf = (gateway: TestGateway, requestId: string) =>
  gateway.lines().filter((line) => line["request_id"] === requestId);

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
  assert.deepEqual(await gateway.rows(), [], "and nothing was booked");
});

Deno.test("the gateway holds a key to its requests and tokens a minute", async (t) => {
  await using gateway = await startTestGateway({ tiers: { a: { engine: {} } } });
  const limited = [429, "rate_limit_exceeded", "rate_limit_error", null] as const;
  await t.step("requests", async () => {
    const { secret } = await gateway.newKey({ requestsPerMinute: 2 });
    const headers = { authorization: `Bearer ${secret}` };
    for (const remaining of ["1", "0"]) {
      const response = await send(gateway, { headers });
      await response.body?.cancel();
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("x-ratelimit-limit-requests"), "2");
      assert.equal(response.headers.get("x-ratelimit-remaining-requests"), remaining);
    }
    const before = gateway.engine("a").stats().requests;
    const refused = await send(gateway, { headers });
    assert.match(refused.headers.get("x-ratelimit-reset-requests") ?? "", /^\d.*s$/);
    const waitS = Number(refused.headers.get("retry-after"));
    assert.ok(waitS >= 1 && waitS <= 30, `retry after ${waitS}`);
    await assertRefused(gateway, refused, { expect: limited, message: /2 requests a minute/ });
    assert.equal(gateway.engine("a").stats().requests, before);
  });
  await t.step("tokens, once the last request has told what it used", async () => {
    const { secret } = await gateway.newKey({ tokensPerMinute: 5 });
    const headers = { authorization: `Bearer ${secret}` };
    const first = await send(gateway, { headers });
    await first.body?.cancel();
    assert.deepEqual(
      [first.status, first.headers.get("x-ratelimit-limit-tokens")],
      [200, "5"],
    );
    const before = await until(
      "the tokens are charged",
      () => gateway.engine("a").stats().requests,
    );
    const refused = await send(gateway, { headers });
    assert.equal(refused.headers.get("x-ratelimit-remaining-tokens"), "0");
    await assertRefused(gateway, refused, { expect: limited, message: /5 tokens a minute/ });
    assert.equal(gateway.engine("a").stats().requests, before);
  });
  assert.ok(instant(0) === 0);
});
