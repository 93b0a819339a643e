import assert from "node:assert/strict";
import fc from "fast-check";
import { millis } from "@/lib/kernel/clock.ts";
import { type Admission, type RateAsk, RateLimiter, shownReset } from "./rate_limit.ts";

const ask = (over: Partial<RateAsk> = {}): RateAsk => ({
  keyId: "key_1",
  limits: { requestsPerMinute: 3, tokensPerMinute: null },
  liveReplicas: 1,
  nowMs: 0,
  ...over,
});
const tokens = (tokensPerMinute: number) => ({
  limits: { requestsPerMinute: null, tokensPerMinute },
});

Deno.test("admit() says nothing of limits a key does not have", () => {
  const limiter = new RateLimiter();
  const free = ask({ limits: { requestsPerMinute: null, tokensPerMinute: null } });
  assert.deepEqual(limiter.admit(free), { kind: "ok", reservedTokens: 0, headers: {} });
  assert.equal(limiter.size, 0);
});

Deno.test("admit() lets a minute's requests through at once, then one as each comes back", () => {
  const limiter = new RateLimiter();
  const left = [0, 1, 2].map(() => admitted(limiter.admit(ask())).headers);
  assert.deepEqual(left.map((headers) => headers["x-ratelimit-remaining-requests"]), [
    "2",
    "1",
    "0",
  ]);
  assert.deepEqual(left[2], {
    "x-ratelimit-limit-requests": "3",
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-reset-requests": "1m0s",
  });

  assert.equal(limiter.admit(ask({ nowMs: 19_999 })).kind, "refused");
  assert.equal(limiter.admit(ask({ nowMs: 20_000 })).kind, "ok");
  assert.equal(limiter.admit(ask({ nowMs: 20_000 })).kind, "refused");
});

Deno.test("admit() refuses with 429, whole seconds to wait and the headers, and charges nothing for it", () => {
  const limiter = new RateLimiter();
  for (let i = 0; i < 3; i++) limiter.admit(ask());
  for (const [nowMs, retryAfterS] of [[0, 20], [10_500, 10], [19_990, 1]] as const) {
    const { error, headers } = refused(limiter.admit(ask({ nowMs })));
    assert.equal(error.code, "rate_limit_exceeded");
    assert.equal(error.status, 429);
    assert.equal(error.retryAfterS, retryAfterS);
    assert.equal(headers["x-ratelimit-remaining-requests"], "0");
  }
  assert.equal(limiter.admit(ask({ nowMs: 20_000 })).kind, "ok");
});

Deno.test("admit() keeps each key's limit apart", () => {
  const limiter = new RateLimiter();
  for (let i = 0; i < 4; i++) limiter.admit(ask());
  assert.equal(limiter.admit(ask({ keyId: "key_2" })).kind, "ok");
});

Deno.test("admit() holds the estimated tokens, and settle() charges what was used", () => {
  const limiter = new RateLimiter();
  const first = admitted(limiter.admit({ ...ask(tokens(1_000)), estimateTokens: 700 }));
  assert.equal(first.reservedTokens, 700);
  assert.equal(first.headers["x-ratelimit-remaining-tokens"], "300");
  assert.equal(first.headers["x-ratelimit-reset-tokens"], "42s");
  assert.equal(limiter.admit({ ...ask(tokens(1_000)), estimateTokens: 301 }).kind, "refused");

  limiter.settle({ ...ask(tokens(1_000)), reservedTokens: 700, usedTokens: 100 });
  const second = admitted(limiter.admit({ ...ask(tokens(1_000)), estimateTokens: 900 }));
  assert.equal(second.headers["x-ratelimit-remaining-tokens"], "0");
});

Deno.test("settle() gives back to a bucket that has refilled meanwhile no more than it holds", () => {
  const limiter = new RateLimiter();
  limiter.admit({ ...ask(tokens(1_000)), estimateTokens: 1_000 });
  limiter.settle({
    ...ask({ ...tokens(1_000), nowMs: 50_000 }),
    reservedTokens: 1_000,
    usedTokens: 0,
  });
  const after = admitted(
    limiter.admit({ ...ask({ ...tokens(1_000), nowMs: 50_000 }), estimateTokens: 1 }),
  );
  assert.equal(after.headers["x-ratelimit-remaining-tokens"], "999");
});

Deno.test("settle() leaves a debt when more was used than the limit, and admit() waits until it is paid", () => {
  const limiter = new RateLimiter();
  assert.equal(limiter.admit(ask(tokens(1_000))).kind, "ok");
  limiter.settle({ ...ask(tokens(1_000)), reservedTokens: 0, usedTokens: 3_000 });
  const { error, headers } = refused(limiter.admit(ask(tokens(1_000))));
  assert.equal(error.retryAfterS, 121);
  assert.equal(headers["x-ratelimit-remaining-tokens"], "0");
  assert.equal(headers["x-ratelimit-reset-tokens"], "3m0s");
  assert.equal(limiter.admit(ask({ ...tokens(1_000), nowMs: 120_000 })).kind, "refused");
  assert.equal(limiter.admit(ask({ ...tokens(1_000), nowMs: 120_061 })).kind, "ok");
});

Deno.test("admit() refuses for good what no wait would let in", () => {
  const limiter = new RateLimiter();
  assert.equal(limiter.admit({ ...ask(tokens(1_000)), estimateTokens: 1_000 }).kind, "ok");
  const { error } = refused(limiter.admit({ ...ask(tokens(1_000)), estimateTokens: 1_001 }));
  assert.equal(error.shouldRetry, false);
  assert.equal(error.retryAfterS, null);
});

Deno.test("admit() charges neither bucket when one of them is empty", () => {
  const limiter = new RateLimiter();
  const limits = { requestsPerMinute: 2, tokensPerMinute: 100 };
  limiter.admit({ ...ask({ limits }), estimateTokens: 100 });
  refused(limiter.admit({ ...ask({ limits }), estimateTokens: 10 }));
  const { headers } = admitted(
    limiter.admit({ ...ask({ limits, nowMs: 60_000 }), estimateTokens: 10 }),
  );
  assert.equal(headers["x-ratelimit-remaining-requests"], "1");
  assert.equal(headers["x-ratelimit-remaining-tokens"], "90");
});

Deno.test("admit() divides a limit among the live replicas, and lets each have at least one", () => {
  const limiter = new RateLimiter();
  const of = (requestsPerMinute: number, nowMs = 0) =>
    ask({ limits: { requestsPerMinute, tokensPerMinute: null }, liveReplicas: 4, nowMs });
  const first = admitted(limiter.admit(of(8)));
  assert.equal(first.headers["x-ratelimit-limit-requests"], "8");
  assert.equal(first.headers["x-ratelimit-remaining-requests"], "4");
  assert.equal(limiter.admit(of(8)).kind, "ok");
  assert.equal(limiter.admit(of(8)).kind, "refused");

  const scarce = new RateLimiter();
  assert.equal(scarce.admit(of(1)).kind, "ok");
  assert.equal(scarce.admit(of(1, 239_999)).kind, "refused");
  assert.equal(scarce.admit(of(1, 240_000)).kind, "ok");
});

Deno.test("admit() never lets more through in any span than the burst and what came back in it", () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 3 }),
      gaps,
      (limit, replicas, waits) => {
        const limiter = new RateLimiter();
        const passed: number[] = [];
        let nowMs = 0;
        for (const wait of waits) {
          nowMs += wait;
          const limits = { requestsPerMinute: limit, tokensPerMinute: null };
          if (limiter.admit(ask({ limits, liveReplicas: replicas, nowMs })).kind === "ok") {
            passed
              .push(nowMs);
          }
        }
        const share = limit / replicas;
        passed.forEach((from, i) =>
          passed.slice(i).forEach((to, j) => {
            const most = Math.max(1, share) + (to - from) * share / 60_000;
            assert.ok(j + 1 <= most + 0.001, `${j + 1} in ${to - from} ms, at most ${most}`);
          })
        );
      },
    ),
  );
});

Deno.test("admit() remembers no more keys than it may, forgetting the one unused longest", () => {
  const limiter = new RateLimiter({ keysMax: 2 });
  for (const keyId of ["a", "a", "a", "b", "a", "c"]) limiter.admit(ask({ keyId }));
  assert.equal(limiter.size, 2);
  assert.equal(limiter.admit(ask({ keyId: "a" })).kind, "refused");
  assert.equal(limiter.admit(ask({ keyId: "b" })).kind, "ok");
});

Deno.test("shownReset() writes spans as OpenAI does", () => {
  const shown = [0, 0.2, 12, 999.1, 1_000, 8_640, 60_000, 258_592, 360_000, 3_600_000, 20_736_000]
    .map((ms) => shownReset(millis(ms)));
  assert.deepEqual(shown, [
    "0s",
    "1ms",
    "12ms",
    "1s",
    "1s",
    "8.64s",
    "1m0s",
    "4m18.592s",
    "6m0s",
    "1h0m0s",
    "5h45m36s",
  ]);
});

function admitted(admission: Admission) {
  if (admission.kind !== "ok") throw new Error(`refused: ${admission.error.message}`);
  return admission;
}

function refused(admission: Admission) {
  if (admission.kind !== "refused") throw new Error("let in");
  return admission;
}
