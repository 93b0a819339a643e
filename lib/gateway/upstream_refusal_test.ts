import assert from "node:assert/strict";
import type { ErrorCode } from "@/lib/kernel/errors.ts";
import { judgeRefusal } from "./upstream_refusal.ts";

function judge(
  status: number,
  { code = "invalid_request", retryAfter = null }: {
    code?: ErrorCode;
    retryAfter?: string | null;
  } = {},
) {
  const judged = judgeRefusal({ status, message: "why", type: "E", param: "n", code }, retryAfter);
  const { error } = judged;
  return { kind: judged.kind, code: error.code, retryAfterS: error.retryAfterS, error };
}

Deno.test("judgeRefusal() passes on what every machine would refuse, with its field", () => {
  for (
    const [status, code] of [
      [400, "invalid_request"],
      [413, "request_too_large"],
      [415, "invalid_request"],
      [422, "unprocessable"],
      [501, "not_implemented"],
    ] as const
  ) {
    const refused = judge(status);
    assert.deepEqual([refused.kind, refused.code], ["refused", code], String(status));
    assert.deepEqual([refused.error.message, refused.error.param], ["why", "n"]);
  }
});

Deno.test("judgeRefusal() keeps a code of ours only when its status is the one it came with", () => {
  const context = "context_length_exceeded";
  assert.equal(judge(400, { code: context }).code, context);
  assert.equal(judge(422, { code: context }).code, "unprocessable");
  assert.equal(judge(400, { code: "upstream_error" }).code, "invalid_request");
});

Deno.test("judgeRefusal() walks on from an overloaded machine and says when to come back", () => {
  for (const status of [429, 503]) {
    const failed = judge(status, { retryAfter: "7" });
    assert.deepEqual([failed.kind, failed.code, failed.retryAfterS], ["failed", "no_upstream", 7]);
  }
  assert.equal(judge(503).retryAfterS, 1);
  assert.equal(judge(503, { retryAfter: "600" }).retryAfterS, 600);
  assert.equal(judge(503, { retryAfter: "601" }).retryAfterS, 600);
  assert.equal(judge(503, { retryAfter: "Fri, 21 Nov 2026 00:00:00 GMT" }).retryAfterS, 1);
});

Deno.test("judgeRefusal() walks on from a machine that fails, or that the gateway is misconfigured for", () => {
  for (const status of [500, 502, 504]) {
    const failed = judge(status);
    assert.deepEqual([failed.kind, failed.code], ["failed", "upstream_error"]);
    assert.match(failed.error.message, /why/);
  }
  for (const status of [401, 403, 404, 405]) {
    const failed = judge(status);
    assert.deepEqual([failed.kind, failed.error.status], ["failed", 502], String(status));
    assert.doesNotMatch(failed.error.message, /why/);
  }
});
