import assert from "node:assert/strict";
import { AppError } from "@/lib/kernel/errors.ts";
import { policyOf } from "./request_policy.ts";

const of = (headers: Record<string, string>) => policyOf(new Headers(headers));
const paramOf = (headers: Record<string, string>) => {
  try {
    of(headers);
  } catch (error) {
    return error instanceof AppError && error.code === "invalid_request" ? error.param : null;
  }
  return "accepted";
};

Deno.test("policyOf() asks for nothing when no header does", () => {
  assert.deepEqual(of({}), {
    band: null,
    maxOutputNanoUsd: null,
    sessionId: null,
    preferWait: null,
    streamedWake: false,
    clientPatience: null,
  });
});

Deno.test("policyOf() reads the band and the price, and names the header it cannot use", () => {
  assert.equal(of({ "x-emberlane-band": " Spot " }).band, "spot");
  assert.equal(paramOf({ "x-emberlane-band": "cheap" }), "x-emberlane-band");
  assert.equal(of({ "x-emberlane-max-price": "0.60" }).maxOutputNanoUsd, 600_000_000n);
  assert.equal(of({ "x-emberlane-max-price": "0" }).maxOutputNanoUsd, 0n);
  assert.equal(paramOf({ "x-emberlane-max-price": "-1" }), "x-emberlane-max-price");
  assert.equal(paramOf({ "x-emberlane-max-price": "free" }), "x-emberlane-max-price");
});

Deno.test("policyOf() takes a session id up to 256 characters, under either name", () => {
  assert.equal(of({ "x-session-id": "s".repeat(256) }).sessionId?.length, 256);
  assert.equal(paramOf({ "x-session-id": "s".repeat(257) }), "x-session-id");
  assert.equal(of({ "x-podvirt-session-id": "old" }).sessionId, "old");
  assert.equal(of({ "x-session-id": "" }).sessionId, null);
});

Deno.test("policyOf() reads wait out of Prefer, at most an hour, and ignores what it cannot read", () => {
  const wait = (prefer: string) => of({ prefer }).preferWait;
  assert.equal(wait("wait=5"), 5_000);
  assert.equal(wait('respond-async, Wait = "10" ; x'), 10_000);
  assert.equal(wait("wait=0"), 0);
  assert.equal(wait("wait=3601"), 3_600_000);
  for (const text of ["wait", "wait=-1", "wait=1.5", "await=3", "wait=x"]) {
    assert.equal(wait(text), null, text);
  }
});

Deno.test("policyOf() reads whether a wake is streamed", () => {
  assert.equal(of({ "x-emberlane-wake": "stream" }).streamedWake, true);
  assert.equal(of({ "x-emberlane-wake": "hold" }).streamedWake, false);
  assert.equal(paramOf({ "x-emberlane-wake": "yes" }), "x-emberlane-wake");
});

Deno.test("policyOf() answers a little before the client's own timer: 2 %, at least half a second", () => {
  const patience = (timeout: string) => of({ "x-stainless-timeout": timeout }).clientPatience;
  assert.equal(patience("600"), 588_000);
  assert.equal(patience("25"), 24_500);
  assert.equal(patience("10"), 9_500);
  assert.equal(patience("0.1"), 0);
  for (const text of ["", "0", "-1", "soon", "Infinity"]) assert.equal(patience(text), null, text);
});
