/**
 * The gateway: one request from its arrival to its answer. Admit, find a machine, forward, meter, fail over, close;
 * each step is a file beside this one.
 */
import type { Cancel, CancelSignal } from "@/lib/kernel/cancel.ts";
import { type Clock, type Millis, millis } from "@/lib/kernel/clock.ts";
import { AppError, asAppError } from "@/lib/kernel/errors.ts";
import { isConnectionLost } from "@/lib/kernel/database.ts";
import { QueueFullError } from "@/lib/kernel/group_commit.ts";
import { newId } from "@/lib/kernel/ids.ts";
import type { Log } from "@/lib/kernel/log.ts";
import { admit, type AdmitDeps, type Admitted } from "./admit.ts";
import { AnswerStream } from "./answer_stream.ts";
import { heartbeats } from "./heartbeats.ts";
import type { InferenceRoute } from "./inference_routes.ts";
import { Patience } from "./patience.ts";
import type { RequestRecord } from "./request_record.ts";
import { baseHeaders, errorAnswer, requestIdOf, serverTiming } from "./reply.ts";
import { type Arrival, noteResult, travel, type TravelDeps, type Trip } from "./travel.ts";
import type { Answer, Inbound } from "./transport.ts";

export type GatewayDeps = TravelDeps & AdmitDeps & {
  readonly clock: Clock;
  readonly log: Log;
  readonly demo: boolean;
  readonly wakeCap: Millis;
  readonly heartbeatEvery: Millis;
  /** Aborted once the gateway's shutdown grace is over. */
  readonly stopping: Cancel;
};

/** Serves one inference request. Never rejects: every failure is an answer in the shape of the route's surface. */
export async function serve(
  deps: GatewayDeps,
  request: Inbound,
  route: InferenceRoute,
): Promise<Answer> {
  const startedMs = deps.clock.elapsedMs();
  const now = deps.clock.now();
  const usageId = newId("req", now);
  const requestId = requestIdOf(request.headers, usageId);
  const headers = baseHeaders(requestId, route.surface, deps.demo);
  let admitted: Admitted;
  try {
    const arriving = { startedMs, now, route, usageId, requestId, headers };
    const admission = admit(deps, request, arriving);
    admitted = admission instanceof Promise ? await admission : admission;
  } catch (thrown) {
    const error = asAppError(thrown);
    const line = {
      request_id: requestId,
      route: route.path,
      status: error.status,
      error_code: error.code,
    };
    if (error.code === "internal") {
      deps.log.error("request_failed", { ...line, error: causeOf(thrown) });
    } else deps.log.info("request_refused", line);
    deps.metrics.requestsTotal.inc({ route: route.path, status: String(error.status), tier: "" });
    return errorAnswer(error, route.surface, headers);
  }
  try {
    return await answer(deps, admitted, request.signal);
  } catch (thrown) {
    // Its record has ended already, and counted and logged it; where a defect of ours came in between, it ends here.
    const error = asAppError(thrown);
    const { status, code: errorCode } = error;
    admitted.record.end({ ended: "upstream_failed", status, errorCode, error: causeOf(thrown) });
    return errorAnswer(error, route.surface, headers);
  }
}

/** Answers a request that was let in; from here on its record is ended exactly once. */
async function answer(
  deps: GatewayDeps,
  admitted: Admitted,
  clientSignal: CancelSignal,
): Promise<Answer> {
  const { record, policy, body } = admitted;
  const patience = new Patience(clientSignal, deps.stopping);
  const isTold = policy.streamedWake && body.stream;
  const waiting = isTold ? Promise.withResolvers<string>() : null;
  const trip: Trip = {
    route: admitted.route,
    body,
    accountId: admitted.key.accountId,
    record,
    wish: {
      requestId: record.request.id,
      targets: admitted.targets,
      sessionId: policy.sessionId,
      deadline: deadlineOf(deps, admitted),
      onWaiting: (wakeId) => {
        record.waitsFor(wakeId, deps.fleet.wake(wakeId)?.tier ?? "");
        waiting?.resolve(wakeId);
      },
      signal: patience.signal,
    },
  };
  const arrive = async (): Promise<Arrival> => {
    try {
      return await travel(deps, trip);
    } catch (thrown) {
      throw endFailed(record, thrown, patience.isGone, deps.stopping);
    } finally {
      patience.forget();
    }
  };
  const settled = arrive();
  if (waiting === null) return respond(deps, admitted, await settled);

  settled.catch(() => {}); // told inside the stream when it comes late
  const first = await Promise.race([settled, waiting.promise]);
  if (typeof first !== "string") return respond(deps, admitted, first);
  admitted.headers.set("content-type", "text/event-stream; charset=utf-8");
  const beats = heartbeats(deps, admitted, first, settled, patience.leave);
  return { status: 200, headers: admitted.headers, body: beats };
}

/** Ends the record of a request that got no answer, and says how it is to be told. */
function endFailed(
  record: RequestRecord,
  thrown: unknown,
  clientLeft: boolean,
  stopping: CancelSignal,
): AppError {
  if (clientLeft) {
    record.end({ ended: "client_left", status: 499, errorCode: "client_closed" });
    return new AppError("client_closed", "The client left");
  }
  const error = stopping.aborted
    ? new AppError("shutting_down", "The gateway is stopping; send the request again", {
      retryAfterS: 1,
    })
    : toldError(thrown);
  const ended = stopping.aborted
    ? "shutdown"
    : record.attempts === 0 || error.status < 500
    ? "refused"
    : "upstream_failed";
  const cause = error.status >= 500 ? causeOf(thrown) : undefined;
  record.end({ ended, status: error.status, errorCode: error.code, error: cause });
  return error;
}

function respond(deps: GatewayDeps, admitted: Admitted, arrival: Arrival): Answer {
  const { headers, record, requestId, route } = admitted;
  const { target, machine } = arrival.at;
  headers.set("x-emberlane-tier", target.tier.name);
  headers.set("x-emberlane-machine", machine.id);
  headers.set("x-emberlane-wake-ms", String(Math.round(record.waitMs)));
  const { waitMs, upstreamMs } = record;
  headers.set(
    "server-timing",
    serverTiming({ admitMs: record.request.admitMs, waitMs, upstreamMs }),
  );
  if (arrival.kind === "json") {
    const { at, answer: json, status } = arrival;
    headers.set("content-type", "application/json");
    const after = () => {
      noteResult(deps, at, "json");
      record.began(json.usage);
      record.end({ ended: "complete", status, finishReason: json.finishReason });
    };
    return { status, headers, body: json.text, after };
  }
  headers.set("content-type", "text/event-stream; charset=utf-8");
  const stream = new AnswerStream(arrival.stream, {
    clock: deps.clock,
    tier: target.tier,
    kind: route.stream,
    requestId,
    record,
    stopping: deps.stopping,
  });
  return { status: 200, headers, body: stream };
}

/** The earliest of the cap, the client's own patience and its `Prefer: wait`. */
function deadlineOf(
  deps: GatewayDeps,
  { startedMs, policy }: Admitted,
): { atMs: number; kind: "cap" | "prefer" } {
  const holdMs = Math.min(deps.wakeCap, policy.clientPatience ?? deps.wakeCap);
  if (policy.preferWait !== null && policy.preferWait <= holdMs) {
    return { atMs: startedMs + policy.preferWait, kind: "prefer" };
  }
  return { atMs: startedMs + millis(holdMs), kind: "cap" };
}

/** A database that does not answer is no defect of ours to hide: another try may find it again. */
function toldError(thrown: unknown): AppError {
  if (!isConnectionLost(thrown) && !(thrown instanceof QueueFullError)) return asAppError(thrown);
  return new AppError(
    "storage_unavailable",
    "Cannot account for the request: the database does not answer; try again",
    { retryAfterS: 1, cause: thrown },
  );
}

function causeOf(thrown: unknown): Error | undefined {
  if (thrown instanceof AppError && thrown.cause instanceof Error) return thrown.cause;
  return thrown instanceof Error ? thrown : undefined;
}
