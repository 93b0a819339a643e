/**
 * The way of one request from its targets to an answer: find a machine, try it, walk on to the next while nothing of
 * the answer has been sent.
 */
import type { Clock } from "@/lib/kernel/clock.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import { isAscii } from "@/lib/kernel/http_fields.ts";
import type { Metrics } from "@/lib/kernel/metrics.ts";
import type { UpstreamRequest } from "@/lib/engine/upstream.ts";
import type { Target } from "@/lib/fleet/lineup.ts";
import type { Machine } from "@/lib/fleet/place.ts";
import { acquire, type Acquired, type AcquireDeps, lifeOf, type Wish } from "./acquire.ts";
import {
  attempt,
  type AttemptDeps,
  type AttemptRequest,
  type AttemptResult,
  type OpenStream,
} from "./attempt.ts";
import type { InferenceRoute } from "./inference_routes.ts";
import type { JsonAnswer } from "./json_answer.ts";
import { meterFor } from "./meters.ts";
import type { ParsedBody } from "./parse_request.ts";
import type { RequestRecord } from "./request_record.ts";
import { upstreamBody } from "./upstream_body.ts";

export type TravelDeps = AcquireDeps & AttemptDeps & {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly attemptsMax: number;
  /** Rings for the keeper to look at a machine that failed us. */
  poke(machineId: string): void;
  /** The key the tier's engines want; null when they want none. */
  upstreamKey(tier: string): string | null;
};

export type Trip = {
  readonly route: InferenceRoute;
  readonly body: ParsedBody;
  readonly accountId: string;
  readonly record: RequestRecord;
  readonly wish: Omit<Wish, "avoid" | "lastFailure">;
};

/** An answer that has begun. */
export type Arrival =
  | { kind: "stream"; at: Acquired; stream: OpenStream }
  | { kind: "json"; at: Acquired; answer: JsonAnswer; status: number };

/** Choices that lost against a drain are not attempts, but they too come to an end. */
const MOVED_MAX = 20;
const CONNECT_TIMEOUT_MS = 5_000;
/** Most requests need no second try. */
const NONE: ReadonlySet<string> = new Set();

/**
 * Answers the first content of an answer. Throws AppError when no machine could give one, or the signal's reason.
 * The record's row is open when this returns, and is the caller's to end either way.
 */
export async function travel(deps: TravelDeps, trip: Trip): Promise<Arrival> {
  let avoid = NONE;
  let lastFailure: AppError | null = null;
  let moved = 0;
  while (true) {
    const found = find(deps, trip, avoid, lastFailure);
    const at = found instanceof Promise ? await found : found;
    const result = await attempt(deps, attemptOn(deps, trip, at));
    if (result.kind === "json") {
      return { kind: "json", at, answer: result.answer, status: result.status };
    }
    noteResult(deps, at, result.kind);
    switch (result.kind) {
      case "stream":
        trip.record.began(result.stream.meter.usage);
        return { kind: "stream", at, stream: result.stream };
      case "refused":
        throw result.error;
      case "moved":
        avoid = new Set(avoid).add(lifeOf(at.machine));
        if (++moved > MOVED_MAX) {
          throw new AppError("no_upstream", "Machines drain faster than requests reach them");
        }
        break;
      case "failed":
        lastFailure = result.error;
        avoid = new Set(avoid).add(lifeOf(at.machine));
        deps.loads.failed(at.machine.id);
        deps.poke(at.machine.id);
        if (trip.record.attempts - moved >= deps.attemptsMax) throw result.error;
        await trip.record.unplace();
        break;
    }
  }
}

function find(
  deps: TravelDeps,
  trip: Trip,
  avoid: ReadonlySet<string>,
  lastFailure: AppError | null,
): Acquired | Promise<Acquired> {
  const found = acquire(deps, { ...trip.wish, avoid, lastFailure });
  if (!(found instanceof Promise)) return found;
  const startedMs = deps.clock.elapsedMs();
  return found.finally(() => trip.record.addWait(deps.clock.elapsedMs() - startedMs));
}

function attemptOn(deps: TravelDeps, trip: Trip, at: Acquired): AttemptRequest {
  const { tier, model } = at.target;
  return {
    tier,
    request: requestFor(deps, trip, at.target, at.machine),
    meter: trip.body.stream ? meterFor(trip.route.stream, trip.body, model.id) : null,
    publicModel: model.id,
    open: () => trip.record.place(at),
    signal: trip.wish.signal,
  };
}

/** Notes what became of an attempt; for a whole answer its receiver does, once the answer has left. */
export function noteResult(
  deps: Pick<TravelDeps, "metrics" | "loads">,
  { target: { tier }, machine }: Acquired,
  outcome: AttemptResult["kind"],
): void {
  deps.metrics.upstreamAttemptsTotal.inc({ tier: tier.name, outcome });
  if (outcome === "stream" || outcome === "json") deps.loads.answered(machine.id);
}

/** A URL is parsed once for each machine and route; the ones in use are few. Text put together anew would be hashed anew. */
const URLS = new Map<string, Map<string, URL>>();
const BASES_MAX = 2_000;

function urlOf(baseUrl: string, path: string): URL {
  let paths = URLS.get(baseUrl);
  if (paths === undefined) {
    if (URLS.size >= BASES_MAX) URLS.clear();
    URLS.set(baseUrl, paths = new Map());
  }
  let url = paths.get(path);
  if (url === undefined) paths.set(path, url = new URL(baseUrl + path));
  return url;
}

function requestFor(
  deps: TravelDeps,
  trip: Trip,
  target: Target,
  machine: Machine,
): Omit<UpstreamRequest, "signal"> {
  const text = upstreamBody(trip.body, {
    upstreamModel: target.upstreamModel,
    accountId: trip.accountId,
    streamKind: trip.route.stream,
  });
  const key = deps.upstreamKey(target.tier.name);
  return {
    url: urlOf(machine.baseUrl ?? "", trip.route.path),
    method: "POST",
    headers: [
      ["content-type", "application/json"],
      ["accept", trip.body.stream ? "text/event-stream" : "application/json"],
      // vLLM makes it part of the answer's id, so a client can name the row it belongs to.
      ["x-request-id", trip.record.request.id],
      ...(key === null ? [] : [["authorization", `Bearer ${key}`] as const]),
    ],
    body: text,
    // What is put into it is ASCII but for a model's name.
    bodyBytes: trip.body.isAscii && isAscii(target.upstreamModel) ? text.length : null,
    connectTimeoutMs: CONNECT_TIMEOUT_MS as UpstreamRequest["connectTimeoutMs"],
    headersTimeoutMs: target.tier.limits.first_token,
  };
}
