/** Lets a request in: its key, its body, its policy, its model and its limits. */
import type { Clock, Instant } from "@/lib/kernel/clock.ts";
import type { AppError } from "@/lib/kernel/errors.ts";
import type { TierSpec } from "@/lib/kernel/fleet_file.ts";
import { type ApiKey, bearerOf, judgeKey, noKeyError } from "@/lib/accounts/api_key.ts";
import type { KeyCache } from "@/lib/accounts/key_cache.ts";
import type { RateLimiter } from "@/lib/accounts/rate_limit.ts";
import type { Lineup, Target } from "@/lib/fleet/lineup.ts";
import { allowedTargets, openTargets, targetsOf } from "./allowed_targets.ts";
import type { InferenceRoute } from "./inference_routes.ts";
import { parseBody, type ParsedBody, readBody } from "./parse_request.ts";
import { policyOf, type RequestPolicy } from "./request_policy.ts";
import { type RecordDeps, RequestRecord } from "./request_record.ts";
import type { AnswerHeaders, HeaderLookup, Inbound } from "./transport.ts";

export type AdmitDeps = RecordDeps & {
  readonly clock: Clock;
  readonly lineup: Lineup;
  readonly keys: Pick<KeyCache, "peek" | "find">;
  readonly limiter: RateLimiter;
  readonly liveReplicas: () => number;
  readonly replicaId: string;
  readonly bodyBytesMax: number;
  /** Why a tier may not be asked for more now, its bill unseen or its budget spent; null: it may. */
  readonly closedTier: (tier: TierSpec) => AppError | null;
};

/** What is known of a request when it arrives. */
export type Arriving = {
  /** On the elapsed clock. */
  readonly startedMs: number;
  readonly now: Instant;
  readonly route: InferenceRoute;
  readonly usageId: string;
  readonly requestId: string;
  readonly headers: AnswerHeaders;
};

/** Everything learned of a request by the time it is let in. */
export type Admitted = Arriving & {
  readonly key: ApiKey;
  readonly body: ParsedBody;
  readonly policy: RequestPolicy;
  readonly targets: readonly Target[];
  readonly record: RequestRecord;
};

/**
 * At once where memory holds what it asks and the body is there: the request is then on its way upstream before anything
 * else has its turn. Throws or rejects with AppError; what it refuses was never forwarded and has no row.
 */
export function admit(
  deps: AdmitDeps,
  request: Inbound,
  arriving: Arriving,
): Admitted | Promise<Admitted> {
  const key = authenticate(deps, request.headers, arriving.now);
  return key instanceof Promise
    ? key.then((known) => admitKey(deps, request, arriving, known))
    : admitKey(deps, request, arriving, key);
}

function authenticate(
  { keys }: AdmitDeps,
  headers: HeaderLookup,
  now: Instant,
): ApiKey | Promise<ApiKey> {
  const bearer = bearerOf(headers);
  if (bearer.kind !== "key") throw noKeyError(bearer);
  const known = keys.peek(bearer.secret);
  const judged = (key: ApiKey | null) => {
    const verdict = judgeKey(key, now);
    if (verdict.kind === "refused") throw verdict.error;
    return verdict.key;
  };
  return known === undefined ? keys.find(bearer.secret).then(judged) : judged(known);
}

function admitKey(
  deps: AdmitDeps,
  request: Inbound,
  arriving: Arriving,
  key: ApiKey,
): Admitted | Promise<Admitted> {
  const policy = policyOf(request.headers);
  const body = readBody(request, deps.bodyBytesMax);
  return body instanceof Promise
    ? body.then((bytes) => admitBody(deps, arriving, key, policy, bytes))
    : admitBody(deps, arriving, key, policy, body);
}

function admitBody(
  deps: AdmitDeps,
  arriving: Arriving,
  key: ApiKey,
  policy: RequestPolicy,
  given: Uint8Array | string,
): Admitted {
  const { headers, now, requestId, route, startedMs, usageId } = arriving;
  const body = parseBody(given, route);
  const wanted = allowedTargets(key, body.model, targetsOf(deps.lineup, body.model, policy));
  const targets = openTargets(wanted, deps.closedTier);

  const ask = { keyId: key.id, limits: key, liveReplicas: deps.liveReplicas() };
  const nowMs = deps.clock.elapsedMs();
  const admission = deps.limiter.admit({ ...ask, nowMs });
  for (const [name, value] of Object.entries(admission.headers)) headers.set(name, value);
  if (admission.kind === "refused") throw admission.error;
  const { reservedTokens } = admission;
  const settleTokens = (usedTokens: number) => {
    if (key.tokensPerMinute === null) return;
    deps.limiter.settle({ ...ask, nowMs: deps.clock.elapsedMs(), reservedTokens, usedTokens });
  };
  const record = new RequestRecord(
    deps,
    settleTokens,
    {
      id: usageId,
      openedAt: now,
      requestId,
      accountId: key.accountId,
      keyId: key.id,
      replicaId: deps.replicaId,
      route: route.path,
      modelAsked: body.model,
      stream: body.stream,
      admitMs: nowMs - startedMs,
    },
    startedMs,
    targets[0]?.model.id ?? body.model,
  );
  return { ...arriving, key, body, policy, targets, record };
}
