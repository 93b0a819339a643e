/** Everything a client can get wrong: each its exact error, nothing forwarded, nothing secret echoed, one log line. */
import assert from "node:assert/strict";
import { seconds, systemClock } from "@/lib/kernel/clock.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { createKey, ensureAccount } from "@/lib/accounts/api_keys_store.ts";
import { startEngine } from "@/sim/engine.ts";
import { DEFAULT_LATENCY } from "@/sim/options.ts";
import { fleetYaml, makeKey, startGateway, tempDir } from "./support.ts";

const CHAT = "/v1/chat/completions";
const SECRET_PROMPT = "my password is hunter2";
const good = { model: "m", messages: [{ role: "user", content: SECRET_PROMPT }] };

Deno.test("bad input: each mistake gets its OpenAI-shaped error and reaches no engine", async () => {
  await using database = await testDatabase();
  await using dir = await tempDir();
  const { secret } = await makeKey(database.sql);
  const doer = { actor: "test", now: systemClock.now() };
  const account = await ensureAccount(database.sql, "test", doer);
  const make = async (over: Record<string, unknown>) =>
    (await createKey(
      database.sql,
      {
        accountId: account.id,
        name: "n",
        models: null,
        requestsPerMinute: null,
        tokensPerMinute: null,
        expiresAt: null,
        ...over,
      },
      doer,
    )).secret;
  const expired = await make({ expiresAt: systemClock.now() + seconds(3_600) });
  await database
    .sql`update api_keys set expires_at = now() - interval '1 second' where expires_at is not null`;
  const revoked = await make({ name: "revoked" });
  await database.sql`update api_keys set revoked_at = now() where name = 'revoked'`;
  const narrow = await make({ models: ["other"] });

  const engine = await startEngine({
    port: 0,
    servedModelNames: ["m"],
    latency: { ...DEFAULT_LATENCY, timeToFirstTokenMs: 1 },
  });
  const tier = `
  - { name: spot, provider: static, band: spot, serves: { m: m }, static: { urls: ["${engine.url}"] } }`;
  const gateway = await startGateway(
    fleetYaml(tier, { gateway: "{ body_max_mb: 1 }" }),
    database.target,
    dir.path,
  );
  const json = (body: unknown, headers: HeadersInit = {}) => ({
    method: "POST",
    headers: { authorization: `Bearer ${secret}`, "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const chunked = (text: string) => ({
    ...json(""),
    body: new ReadableStream({
      start(controller) {
        for (let i = 0; i < 3; i++) controller.enqueue(new TextEncoder().encode(text));
        controller.close();
      },
    }),
  });
  const half = "x".repeat(600_000);

  type Case = [
    what: string,
    path: string,
    init: RequestInit,
    status: number,
    code: string,
    param: string | null,
  ];
  const cases: Case[] = [
    [
      "malformed JSON",
      CHAT,
      json(`{"model":"m","messages":[{"content":"${SECRET_PROMPT}"}`),
      400,
      "invalid_request",
      null,
    ],
    ["an empty body", CHAT, json(""), 400, "invalid_request", null],
    ["a list", CHAT, json([good]), 400, "invalid_request", null],
    [
      "a wrong content type",
      CHAT,
      json(good, { "content-type": "text/plain" }),
      400,
      "invalid_request",
      "content-type",
    ],
    ["no messages", CHAT, json({ model: "m" }), 400, "invalid_request", "messages"],
    [
      "mistyped messages",
      CHAT,
      json({ ...good, messages: SECRET_PROMPT }),
      400,
      "invalid_request",
      "messages",
    ],
    [
      "a message without a role",
      CHAT,
      json({ model: "m", messages: [{ content: "x" }] }),
      400,
      "invalid_request",
      "messages[0].role",
    ],
    ["a mistyped flag", CHAT, json({ ...good, stream: "yes" }), 400, "invalid_request", "stream"],
    ["no model", CHAT, json({ messages: good.messages }), 400, "invalid_request", "model"],
    [
      "an unknown model",
      CHAT,
      json({ ...good, model: "nothing" }),
      404,
      "model_not_found",
      "model",
    ],
    [
      "an unknown band",
      CHAT,
      json(good, { "x-emberlane-band": "gold" }),
      400,
      "invalid_request",
      "x-emberlane-band",
    ],
    [
      "a bad price",
      CHAT,
      json(good, { "x-emberlane-max-price": "cheap" }),
      400,
      "invalid_request",
      "x-emberlane-max-price",
    ],
    [
      "a band nobody serves",
      CHAT,
      json(good, { "x-emberlane-band": "standard" }),
      503,
      "no_upstream",
      null,
    ],
    ["a declared body over the limit", CHAT, json(half + half), 413, "request_too_large", null],
    ["an undeclared body over the limit", CHAT, chunked(half), 413, "request_too_large", null],
    [
      "absurd headers",
      CHAT,
      json(good, { "x-absurd": "a".repeat(40_000) }),
      431,
      "headers_too_large",
      null,
    ],
    ["an unknown path", "/v1/chat", json(good), 404, "not_found", null],
    ["a guarded path of engines", "/v1/load_lora_adapter", json(good), 404, "not_found", null],
    [
      "a wrong method",
      CHAT,
      { method: "GET", headers: { authorization: `Bearer ${secret}` } },
      405,
      "method_not_allowed",
      null,
    ],
    ["a wrong method on models", "/v1/models", json({}), 405, "method_not_allowed", null],
    ["no key", CHAT, json(good, { authorization: "" }), 401, "invalid_api_key", null],
    ["no bearer", CHAT, json(good, { authorization: "Basic abc" }), 401, "invalid_api_key", null],
    [
      "an unknown key",
      CHAT,
      json(good, { authorization: "Bearer sk-stranger-1234567890" }),
      401,
      "invalid_api_key",
      null,
    ],
    [
      "an expired key",
      CHAT,
      json(good, { authorization: `Bearer ${expired}` }),
      401,
      "invalid_api_key",
      null,
    ],
    [
      "a revoked key",
      CHAT,
      json(good, { authorization: `Bearer ${revoked}` }),
      401,
      "invalid_api_key",
      null,
    ],
    [
      "a model the key may not use",
      CHAT,
      json(good, { authorization: `Bearer ${narrow}` }),
      403,
      "model_not_allowed",
      "model",
    ],
    [
      "an unknown model to retrieve",
      "/v1/models/nothing",
      { headers: { authorization: `Bearer ${secret}` } },
      404,
      "model_not_found",
      "model",
    ],
    ["a list of models without a key", "/v1/models", {}, 401, "invalid_api_key", null],
  ];
  try {
    for (const [what, path, init, status, code, param] of cases) {
      const before = gateway.lines().length;
      const response = await fetch(gateway.url + path, init);
      const text = await response.text();
      assert.equal(response.status, status, `${what}: ${text}`);
      assert.equal(response.headers.get("content-type"), "application/json", what);
      assert.match(response.headers.get("x-request-id") ?? "", /^req_/, what);
      const { error, ...rest } = JSON.parse(text);
      assert.deepEqual(rest, {}, what);
      assert.deepEqual(Object.keys(error).sort(), ["code", "message", "param", "type"], what);
      assert.equal(error.code, code, what);
      assert.equal(error.param, param, what);
      for (const hidden of [secret, expired, revoked, narrow, "sk-stranger", "hunter2"]) {
        assert.ok(!text.includes(hidden), `${what} echoes a secret`);
      }
      if (status === 405) assert.match(response.headers.get("allow") ?? "", /POST|GET/, what);
      const lines = gateway.lines().slice(before);
      assert.equal(lines.length, 1, `${what}: ${lines.join("\n")}`);
      assert.ok(!lines.join().includes("hunter2") && !lines.join().includes("sk-"), what);
    }
    assert.equal(engine.stats().requests, 0, "nothing was forwarded");
    const rows = await database.sql`select id from usage`;
    assert.equal(rows.length, 0, "what was not let in has no row");
    const fine = await fetch(
      gateway.url + CHAT,
      json({ ...good, max_tokens: 2 }, { "x-request-id": "mine-1" }),
    );
    assert.equal(fine.status, 200);
    assert.equal(fine.headers.get("x-request-id"), "mine-1");
    await fine.body?.cancel();
  } finally {
    await gateway.stop();
    await engine.close();
  }
});

Deno.test("bad input: an Anthropic client gets Anthropic's error shape", async () => {
  await using database = await testDatabase();
  await using dir = await tempDir();
  const tier = `
  - { name: spot, provider: static, band: spot, serves: { m: m }, static: { urls: ["http://127.0.0.1:9"] } }`;
  const gateway = await startGateway(fleetYaml(tier), database.target, dir.path);
  try {
    const response = await fetch(`${gateway.url}/v1/messages`, { method: "POST", body: "{}" });
    assert.equal(response.status, 401);
    const body = await response.json();
    assert.equal(body.type, "error");
    assert.equal(body.error.type, "authentication_error");
    assert.equal(body.request_id, response.headers.get("request-id"));
  } finally {
    await gateway.stop();
  }
});
