/**
 * Requests and tokens a minute per key: two GCRA buckets each, with the time as an argument.
 *
 * A bucket is one number, the time at which it will be full again. A full one lets a whole minute's worth through
 * at once, then refills evenly. Source: ITU-T I.371, "generic cell rate algorithm".
 */
import { type Millis, millis } from "@/lib/kernel/clock.ts";
import { AppError } from "@/lib/kernel/errors.ts";

/** What a key may use in a minute; null is no limit. */
export type RateLimits = {
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
};

/** Who asks, under which limits, when. */
export type RateAsk = {
  readonly keyId: string;
  readonly limits: RateLimits;
  /** How many replicas share the limit, this one included. */
  readonly liveReplicas: number;
  /** `Clock.elapsedMs()`: a wall clock set back would shut everyone out for as long. */
  readonly nowMs: number;
};

/** Let in, with the tokens held for it, or refused with 429. `headers` go on the answer either way. */
export type Admission =
  | { kind: "ok"; reservedTokens: number; headers: Record<string, string> }
  | { kind: "refused"; error: AppError; headers: Record<string, string> };

/** Keys remembered at a time. The least recently used is forgotten first; most likely its buckets are full. */
export const RATE_KEYS_MAX = 100_000;
const WINDOW_MS = 60_000;
/** What a sum of floating-point spans may be off by, and more. */
const ROUNDING_MS = 0.001;

type Buckets = { requestsFullAt: number; tokensFullAt: number };

/** The limits of one replica. A key's limit is divided evenly among the live replicas. */
export class RateLimiter {
  readonly #buckets = new Map<string, Buckets>();
  readonly #keysMax: number;

  constructor({ keysMax = RATE_KEYS_MAX }: { keysMax?: number } = {}) {
    this.#keysMax = keysMax;
  }

  /** Keys remembered now. */
  get size(): number {
    return this.#buckets.size;
  }

  /**
   * Lets one request in, or refuses it and charges nothing. `estimateTokens` (prompt and most completion tokens it
   * may use) is held until {@link settle}; 0 lets in whoever has a token left.
   */
  admit(ask: RateAsk & { estimateTokens?: number }): Admission {
    const { limits, nowMs } = ask;
    if (limits.requestsPerMinute === null && limits.tokensPerMinute === null) {
      return { kind: "ok", reservedTokens: 0, headers: {} };
    }
    const buckets = this.#bucketsOf(ask.keyId, nowMs);
    const requests = shareOf(limits.requestsPerMinute, ask.liveReplicas);
    const tokens = shareOf(limits.tokensPerMinute, ask.liveReplicas);
    const estimate = tokens === null ? 0 : Math.max(0, Math.ceil(ask.estimateTokens ?? 0));

    const refusal = tooLarge(tokens, estimate) ??
      tooSoon("requests", requests, waitMs(buckets.requestsFullAt, requests, 1, nowMs)) ??
      tooSoon("tokens", tokens, waitMs(buckets.tokensFullAt, tokens, Math.max(1, estimate), nowMs));
    if (refusal !== null) {
      return {
        kind: "refused",
        error: refusal,
        headers: headersOf(buckets, requests, tokens, nowMs),
      };
    }
    buckets.requestsFullAt = charged(buckets.requestsFullAt, requests, 1, nowMs);
    buckets.tokensFullAt = charged(buckets.tokensFullAt, tokens, estimate, nowMs);
    const headers = headersOf(buckets, requests, tokens, nowMs);
    return { kind: "ok", reservedTokens: estimate, headers };
  }

  /** Charges what a request used, less what was held for it. Call once, when its usage is known (0 if it never ran). */
  settle(ask: RateAsk & { reservedTokens: number; usedTokens: number }): void {
    const tokens = shareOf(ask.limits.tokensPerMinute, ask.liveReplicas);
    if (tokens === null) return;
    const buckets = this.#bucketsOf(ask.keyId, ask.nowMs);
    const owed = ask.usedTokens - ask.reservedTokens;
    buckets.tokensFullAt = charged(buckets.tokensFullAt, tokens, owed, ask.nowMs);
  }

  #bucketsOf(keyId: string, nowMs: number): Buckets {
    const known = this.#buckets.get(keyId);
    const buckets = known ?? { requestsFullAt: nowMs, tokensFullAt: nowMs };
    // Re-inserted so that the map's own order is that of use.
    this.#buckets.delete(keyId);
    this.#buckets.set(keyId, buckets);
    const oldest = this.#buckets.size > this.#keysMax
      ? this.#buckets.keys().next().value
      : undefined;
    if (oldest !== undefined) this.#buckets.delete(oldest);
    return buckets;
  }
}

/** One replica's part of a limit: how many at once, and how long one takes to come back. */
type Share = {
  limit: number;
  replicas: number;
  /** At least one, or a limit below the number of replicas would let nobody in. */
  burst: number;
  msEach: number;
};

function shareOf(limit: number | null, liveReplicas: number): Share | null {
  if (limit === null) return null;
  const replicas = Math.max(1, liveReplicas);
  return {
    limit,
    replicas,
    burst: Math.max(1, limit / replicas),
    msEach: (WINDOW_MS * replicas) / limit,
  };
}

/** How long until `count` more fit. More than a full bucket waits for a full one and leaves a debt. */
function waitMs(fullAt: number, share: Share | null, count: number, nowMs: number): number {
  if (share === null) return 0;
  const roomMs = (share.burst - Math.min(count, share.burst)) * share.msEach;
  return Math.max(0, fullAt - nowMs - roomMs - ROUNDING_MS);
}

/** When the bucket is full again after `count` more, or after `-count` were given back. */
function charged(fullAt: number, share: Share | null, count: number, nowMs: number): number {
  if (share === null) return fullAt;
  return Math.max(nowMs, Math.max(fullAt, nowMs) + count * share.msEach);
}

function tooLarge(tokens: Share | null, estimate: number): AppError | null {
  if (tokens === null || estimate <= tokens.limit) return null;
  return new AppError(
    "rate_limit_exceeded",
    `Cannot run a request of up to ${estimate} tokens: the key's limit is ${tokens.limit} tokens a minute; ` +
      "send a shorter prompt or a lower max_tokens",
    { shouldRetry: false },
  );
}

function tooSoon(what: "requests" | "tokens", share: Share | null, wait: number): AppError | null {
  if (share === null || wait === 0) return null;
  return new AppError(
    "rate_limit_exceeded",
    `Cannot run more now: the key's limit of ${share.limit} ${what} a minute is used up; ` +
      `try again in ${shownReset(millis(wait))}`,
    { retryAfterS: Math.max(1, Math.ceil(wait / 1_000)) },
  );
}

/** The `x-ratelimit-…` headers, named and shaped as OpenAI's. With several replicas, `remaining` is this one's, scaled. */
function headersOf(
  buckets: Buckets,
  requests: Share | null,
  tokens: Share | null,
  nowMs: number,
): Record<string, string> {
  const headers: Record<string, string> = {};
  const both = [
    ["requests", requests, buckets.requestsFullAt],
    ["tokens", tokens, buckets.tokensFullAt],
  ] as const;
  for (const [what, share, fullAt] of both) {
    if (share === null) continue;
    const resetMs = Math.max(0, fullAt - nowMs - ROUNDING_MS);
    const remaining = Math.floor((share.burst - resetMs / share.msEach) * share.replicas);
    headers[`x-ratelimit-limit-${what}`] = String(share.limit);
    headers[`x-ratelimit-remaining-${what}`] = String(
      Math.min(share.limit, Math.max(0, remaining)),
    );
    headers[`x-ratelimit-reset-${what}`] = shownReset(millis(resetMs));
  }
  return headers;
}

/** A span as OpenAI writes it (Go's durations): `12ms`, `1s`, `8.64s`, `6m0s`, `1h0m0s`. Rounded up to the millisecond. */
export function shownReset(span: Millis): string {
  const ms = Math.ceil(span);
  if (ms <= 0) return "0s";
  if (ms < 1_000) return `${ms}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor(ms / 60_000) % 60;
  const seconds = `${(ms % 60_000) / 1_000}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
