import assert from "node:assert/strict";
import { instant, later, millis } from "@/lib/kernel/clock.ts";
import { openAiError } from "@/lib/kernel/errors.ts";
import {
  type ApiKey,
  bearerOf,
  judgeKey,
  mayUseModel,
  noKeyError,
  SECRET_CHARS_MAX,
} from "./api_key.ts";

const now = instant(Date.UTC(2026, 10, 21));
const key: ApiKey = {
  id: "key_1",
  accountId: "acc_1",
  name: "laptop",
  shownPrefix: "sk-ember-abcdefg",
  models: null,
  requestsPerMinute: null,
  tokensPerMinute: null,
  createdAt: now,
  expiresAt: null,
  revokedAt: null,
};
const bearer = (headers: Record<string, string>) => bearerOf(new Headers(headers));

Deno.test("bearerOf() reads a bearer key, its scheme in any case and after any spaces", () => {
  for (const value of ["Bearer sk-a", "bearer sk-a", "BEARER   sk-a", " Bearer sk-a "]) {
    assert.deepEqual(bearer({ authorization: value }), { kind: "key", secret: "sk-a" }, value);
  }
});

Deno.test("bearerOf() reads x-api-key, but a bearer key goes first", () => {
  assert.deepEqual(bearer({ "x-api-key": "sk-b" }), { kind: "key", secret: "sk-b" });
  const both = { authorization: "Bearer sk-a", "x-api-key": "sk-b" };
  assert.deepEqual(bearer(both), { kind: "key", secret: "sk-a" });
  const proxied = { authorization: "Basic dTpw", "x-api-key": "sk-b" };
  assert.deepEqual(bearer(proxied), { kind: "key", secret: "sk-b" });
});

Deno.test("bearerOf() tells no key from one it cannot read", () => {
  assert.deepEqual(bearer({}), { kind: "none" });
  assert.deepEqual(bearer({ authorization: " ", "x-api-key": "" }), { kind: "none" });
  for (
    const value of [
      "Bearer",
      "Bearer ",
      "Basic dTpw",
      "sk-a",
      "Bearer a b",
      "Bearer a, Bearer b",
      "Bearer é",
    ]
  ) {
    assert.deepEqual(bearer({ authorization: value }), { kind: "malformed" }, value);
  }
  assert.deepEqual(bearer({ "x-api-key": "a b" }), { kind: "malformed" });
});

Deno.test("bearerOf() refuses a secret one character too long", () => {
  const longest = "k".repeat(SECRET_CHARS_MAX);
  assert.equal(bearer({ authorization: `Bearer ${longest}` }).kind, "key");
  assert.equal(bearer({ authorization: `Bearer ${longest}k` }).kind, "malformed");
});

Deno.test("noKeyError() is a 401 that says how to send a key", () => {
  for (const kind of ["none", "malformed"] as const) {
    const error = noKeyError({ kind });
    assert.equal(error.status, 401);
    assert.match(error.message, /Authorization: Bearer <key>/);
  }
});

Deno.test("judgeKey() lets a key call until the millisecond it expires", () => {
  const brief = { ...key, expiresAt: later(now, millis(1)) };
  assert.deepEqual(judgeKey(brief, now), { kind: "ok", key: brief });
  const verdict = judgeKey(brief, later(now, millis(1)));
  assert.equal(verdict.kind, "refused");
  assert.match(refusal(verdict).message, /key_1: it expired at 2026-11-21T00:00:00\.001Z/);
});

Deno.test("judgeKey() refuses an unknown, a revoked and an expired key as OpenAI does, without its secret", () => {
  const revoked = { ...key, revokedAt: now, expiresAt: now };
  const messages = [null, revoked, { ...key, expiresAt: now }].map((each) => {
    const error = refusal(judgeKey(each, now));
    assert.equal(error.status, 401);
    const body = openAiError(error).error;
    assert.equal(body.type, "authentication_error");
    assert.equal(body.code, "invalid_api_key");
    assert.doesNotMatch(body.message, /sk-/);
    assert.match(body.message, /create another/);
    return body.message;
  });
  assert.match(messages[0] ?? "", /not one of ours/);
  assert.match(messages[1] ?? "", /revoked/);
  assert.match(messages[2] ?? "", /expired/);
});

Deno.test("mayUseModel() allows what the key names, and everything when it names nothing", () => {
  assert.equal(mayUseModel(key, "any").kind, "ok");
  const narrow = { ...key, models: ["small", "large"] };
  assert.equal(mayUseModel(narrow, "large").kind, "ok");
  const error = refusal(mayUseModel(narrow, "huge"));
  assert.equal(error.status, 403);
  assert.deepEqual(openAiError(error).error, {
    message: 'Cannot use model "huge" with API key key_1: it may use small, large',
    type: "permission_error",
    param: "model",
    code: "model_not_allowed",
  });
});

function refusal(verdict: ReturnType<typeof judgeKey>) {
  if (verdict.kind !== "refused") throw new Error("expected a refusal");
  return verdict.error;
}
