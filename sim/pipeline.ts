/** What happens to a request before and after its route: request ids, auth, CORS, early faults, routing, metrics. */

import { type Clock, millis } from "@/lib/kernel/clock.ts";
import type { Context, Exchange, Route } from "./context.ts";
import { type Fault, parseFaults, strike } from "./faults.ts";
import type { HttpRequest } from "./http/request.ts";
import { reasonOf, type Reply } from "./http/reply.ts";
import { hash32, randomHex, seeded } from "./random.ts";
import { isDataPath, routeOf, type Routes } from "./routes/table.ts";
import { errorBody, METHOD_NOT_ALLOWED, NOT_FOUND, UNAUTHORIZED } from "./wire/errors.ts";

const GUARDED = /^\/(?:v1|v2|inference|cohere)(?:\/|$)/;
const PLAIN = "text/plain; charset=utf-8";

/** The handler of one engine. */
export function pipeline(context: Context, routes: Routes): (q: HttpRequest, r: Reply) => void {
  let requests = 0;
  return (request, reply) => {
    const number = requests++;
    if (context.options.requestIdHeaders) {
      const id = request.headers.get("x-request-id") ?? randomHex();
      reply.extraHeaders.push(["x-request-id", id]);
    }
    if (
      request.method !== "OPTIONS" && GUARDED.test(request.path) && !authorised(context, request)
    ) {
      return reply.send(401, UNAUTHORIZED);
    }
    if (request.headers.has("origin") && preflight(request, reply)) return;
    const faults = faultsFor(context, request, number);
    if (typeof faults === "string") {
      return reply.send(400, JSON.stringify({ error: faults }));
    }
    early(context, context.clock, { request, reply, faults }, (exchange) => {
      const started = context.clock.elapsedMs();
      const handler = routeOf(request.path);
      const methods = routes.get(handler);
      note(context, exchange, methods === undefined ? "none" : handler, started);
      route(context, exchange, methods);
    });
  };
}

function route(
  context: Context,
  exchange: Exchange,
  methods: ReadonlyMap<string, Route> | undefined,
): void {
  const { request, reply } = exchange;
  if (methods === undefined) return reply.send(404, NOT_FOUND);
  const handler = methods.get(request.method);
  if (handler === undefined) {
    // Starlette knows the first route of a path only, and names its method
    const [allowed = ""] = methods.keys();
    return reply.send(405, METHOD_NOT_ALLOWED, undefined, [["allow", allowed]]);
  }
  handler(context, exchange);
}

/** Faults that strike before the route: what they leave goes on. */
function early(
  context: Context,
  clock: Clock,
  exchange: Exchange,
  go: (exchange: Exchange) => void,
): void {
  const { reply, faults } = exchange;
  for (const fault of faults) {
    if (fault.kind === "reset") return reply.reset();
    if (fault.kind === "silence") return;
    if (fault.kind === "refuse") {
      context.refuse(fault.ms);
      return reply.reset();
    }
    if (fault.kind === "status") return answerStatus(context, reply, fault);
  }
  const slow = faults.find((fault) => fault.kind === "slow-headers");
  if (slow === undefined) return go(exchange);
  const left = new AbortController();
  reply.onLeave(() => left.abort());
  clock.sleep(millis(slow.ms), left.signal).then(() => {
    if (!reply.closed) go(exchange);
  });
}

function answerStatus(
  context: Context,
  reply: Reply,
  fault: Extract<Fault, { kind: "status" }>,
): void {
  const headers: [string, string][] = fault.retryAfter === null
    ? []
    : [["retry-after", fault.retryAfter]];
  const type = reasonOf(fault.code).replaceAll(" ", "") || "Error";
  const error = { status: fault.code, message: fault.message, type, param: null };
  reply.send(fault.code, errorBody(context.profile, error), undefined, headers);
}

function faultsFor(context: Context, request: HttpRequest, number: number): Fault[] | string {
  const data = isDataPath(request.method, request.path);
  const header = request.headers.get("x-sim-fault");
  if (header === undefined && context.live.faults.length === 0) return [];
  const roll = seeded(hash32(`fault ${number}`, context.live.seed));
  try {
    const asked = header === undefined ? [] : strike(parseFaults(header), request.path, true, roll);
    return [...asked, ...strike(context.live.faults, request.path, data, roll)];
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

function authorised(context: Context, request: HttpRequest): boolean {
  const { apiKeys } = context.options;
  if (apiKeys.length === 0) return true;
  const [scheme = "", ...rest] = (request.headers.get("authorization") ?? "").split(" ");
  return scheme.toLowerCase() === "bearer" && apiKeys.includes(rest.join(" "));
}

/** Starlette's CORS middleware with vLLM's defaults; true when it answered. */
function preflight(request: HttpRequest, reply: Reply): boolean {
  if (request.method !== "OPTIONS" || !request.headers.has("access-control-request-method")) {
    reply.extraHeaders.push(["access-control-allow-origin", "*"]);
    return false;
  }
  const asked = request.headers.get("access-control-request-headers");
  const headers: [string, string][] = [
    ["access-control-allow-origin", "*"],
    ["access-control-allow-methods", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"],
    ["access-control-max-age", "600"],
  ];
  if (asked !== undefined) headers.push(["access-control-allow-headers", asked]);
  reply.send(200, "OK", PLAIN, headers);
  return true;
}

/** Counts the request now, and its metrics once it has ended. */
function note(
  context: Context,
  { request, reply }: Exchange,
  handler: string,
  started: number,
): void {
  const tracked = isDataPath(request.method, request.path);
  if (tracked) context.load++;
  reply.onEnd(() => {
    if (tracked) context.load--;
    const seconds = (context.clock.elapsedMs() - started) / 1_000;
    const { method, body } = request;
    context.httpMetrics.note(handler, method, reply.status, seconds, body.length, reply.bytes);
  });
}
