import assert from "node:assert/strict";
import { instant } from "@/lib/kernel/clock.ts";
import { parseFleet } from "@/lib/kernel/config.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import type { ApiKey } from "@/lib/accounts/api_key.ts";
import { lineupOf } from "@/lib/fleet/lineup.ts";
import { allowedTargets, targetsOf } from "./allowed_targets.ts";
import { policyOf, type RequestPolicy } from "./request_policy.ts";

const ANY = policyOf(new Headers());
const lineup = lineupOf(parseFleet(`
models:
  - { id: big, name: B, vendor: V, kind: chat, context_tokens: 9, prices: { spot: { input: 1, output: "0.60" } } }
  - { id: small, name: S, vendor: V, kind: chat, context_tokens: 9, aliases: [tiny] }
  - { id: idle, name: I, vendor: V, kind: chat, context_tokens: 9 }
routes: { auto: [big, small] }
lineup:
  - { name: spot, provider: static, band: spot, serves: { big: b }, static: { urls: ["http://a.test"] } }
  - { name: std, provider: static, band: standard, serves: { small: s }, static: { urls: ["http://b.test"] } }
`));

const keyFor = (models: readonly string[] | null): ApiKey => ({
  id: "key_1",
  accountId: "acc_1",
  name: "n",
  shownPrefix: "sk",
  models,
  requestsPerMinute: null,
  tokensPerMinute: null,
  createdAt: instant(0),
  expiresAt: null,
  revokedAt: null,
});

function find(asked: string, policy: Partial<RequestPolicy> = {}, models: string[] | null = null) {
  try {
    const found = allowedTargets(
      keyFor(models),
      asked,
      targetsOf(lineup, asked, { ...ANY, ...policy }),
    );
    return found.map(({ tier, upstreamModel }) => `${tier.name}/${upstreamModel}`);
  } catch (error) {
    assert.ok(error instanceof AppError, String(error));
    return [error.code, error.param, error.shouldRetry];
  }
}

Deno.test("targetsOf() follows ids, aliases and routes, in order", () => {
  assert.deepEqual(find("big"), ["spot/b"]);
  assert.deepEqual(find("tiny"), ["std/s"]);
  assert.deepEqual(find("auto"), ["spot/b", "std/s"]);
});

Deno.test("targetsOf() tells an unknown name from one that nobody serves now", () => {
  assert.deepEqual(find("nobody"), ["model_not_found", "model", null]);
  assert.deepEqual(find("toString"), ["model_not_found", "model", null]);
  assert.deepEqual(find("idle"), ["no_upstream", null, false]);
});

Deno.test("targetsOf() keeps to the band and to the price, itself included", () => {
  assert.deepEqual(find("auto", { band: "standard" }), ["std/s"]);
  assert.deepEqual(find("big", { band: "standard" }), ["no_upstream", null, false]);
  assert.deepEqual(find("big", { maxOutputNanoUsd: 600_000_000n }), ["spot/b"]);
  assert.deepEqual(find("big", { maxOutputNanoUsd: 599_999_999n }), ["no_upstream", null, false]);
});

Deno.test("allowedTargets() walks a route past what the key may not use, and refuses when nothing is left", () => {
  assert.deepEqual(find("auto", {}, ["small"]), ["std/s"]);
  assert.deepEqual(find("big", {}, ["small"]), ["model_not_allowed", "model", null]);
});
