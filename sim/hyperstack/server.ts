/** The API over HTTP: key, rate limit, outages and faults around the routes. */

import { millis } from "@/lib/kernel/clock.ts";
import type { HttpRequest } from "../http/request.ts";
import type { Reply } from "../http/reply.ts";
import { type HttpServer, serve } from "../http/server.ts";
import type { Account } from "./account.ts";
import { type Answer, badRequest, refused } from "./answers.ts";
import { MINUTE_MS } from "./bill.ts";
import type { Fault } from "./faults.ts";
import type { Call, Route } from "./route.ts";
import { BILLING_ROUTES } from "./routes_billing.ts";
import { INVENTORY_ROUTES } from "./routes_inventory.ts";
import { MACHINE_ROUTES } from "./routes_machines.ts";

const KEEP_ALIVE_MS = 60_000;
/** A fixed path stands before the pattern that would also match it. */
const ROUTES: readonly Route[] = [...INVENTORY_ROUTES, ...BILLING_ROUTES, ...MACHINE_ROUTES];

const UNAUTHORIZED: Answer = refused({
  status: 401,
  reason: "unauthorized",
  message: "You are not authorized: the api_key header is missing or wrong",
});
/** The vendor sends no Retry-After. */
const RATE_LIMITED: Answer = { status: 429, body: { message: "Too many requests" } };
const OLD_ERROR: Answer = { status: 500, body: { message: "Internal Server Error" } };
const UNAVAILABLE: Answer = { status: 503, body: { message: "Service Unavailable" } };

/** Listens; every answer is JSON, or a cut connection. `base` in the vendor's way ends in `/v1`. */
export async function serveAccount(account: Account, signal: AbortSignal): Promise<HttpServer> {
  const { options } = account;
  const limit = rateLimit(options.requestsPerMinuteMax);
  return await serve({
    host: options.host,
    port: options.port,
    keepAliveMs: KEEP_ALIVE_MS,
    unixMs: () => options.clock.now(),
  }, (request, reply) => {
    account.answering += 1;
    answer(account, limit, request, reply, signal).catch((error) => {
      options.log(`hyperstack: ${error instanceof Error ? error.stack : String(error)}`);
      write(reply, OLD_ERROR);
    }).finally(() => account.answering -= 1);
  });
}

async function answer(
  account: Account,
  limit: (nowMs: number) => boolean,
  request: HttpRequest,
  reply: Reply,
  signal: AbortSignal,
): Promise<void> {
  const nowMs = account.now();
  const outage = account.outages.find(({ fromMs, toMs }) => nowMs >= fromMs && nowMs < toMs);
  if (outage?.how === "cut") return reply.reset();
  if (outage !== undefined) return write(reply, UNAVAILABLE);
  // one source address is one account here: the limit is the vendor's "per source IP"
  if (!limit(nowMs)) return write(reply, RATE_LIMITED);
  if (request.headers.get("api_key") !== account.options.apiKey) return write(reply, UNAUTHORIZED);

  const matching = ROUTES.filter(({ pattern }) => pattern.test(request.path));
  const found = matching.find(({ method }) => method === request.method);
  if (found === undefined) {
    return write(
      reply,
      refused(
        matching.length > 0
          ? { status: 405, reason: "not_allowed", message: `${request.method} is not allowed here` }
          : { status: 404, reason: "not_found", message: `${request.path} does not exist` },
      ),
    );
  }
  const faults = account.faults.next(found.operation);
  const fault = <K extends Fault["kind"]>(kind: K) =>
    faults.find((each): each is Extract<Fault, { kind: K }> => each.kind === kind);
  account.options.log(
    `hyperstack: ${request.method} ${request.path} (${found.operation})` +
      (faults.length > 0 ? ` with ${faults.map(({ kind }) => kind).join(", ")}` : ""),
  );
  if (fault("rate_limited")) return write(reply, RATE_LIMITED);
  if (fault("server_error")) return write(reply, OLD_ERROR);
  if (fault("unheard")) return reply.reset();

  const said = handle(account, found, request, nowMs, (kind) => fault(kind) !== undefined);
  account.changed();
  if (fault("lost")) return reply.reset();
  const slow = fault("slow");
  if (slow !== undefined) {
    account.answering -= 1;
    await account.clock.sleep(millis(slow.byMs), signal);
    account.answering += 1;
  }
  write(reply, said);
}

function handle(
  account: Account,
  route: Route,
  request: HttpRequest,
  nowMs: number,
  hit: Call["hit"],
): Answer {
  let body: unknown = null;
  if (request.body.length > 0) {
    try {
      body = JSON.parse(request.body.toString("utf8"));
    } catch {
      return badRequest("The body is not JSON");
    }
  }
  const params = route.pattern.exec(request.path)?.groups ?? {};
  return route.handle({ account, nowMs, params, query: request.query, body, hit });
}

/** Whether one more request fits into this minute. */
function rateLimit(requestsMax: number): (nowMs: number) => boolean {
  let minute = -1;
  let count = 0;
  return (nowMs) => {
    const now = Math.floor(nowMs / MINUTE_MS);
    if (now !== minute) [minute, count] = [now, 0];
    count += 1;
    return count <= requestsMax;
  };
}

function write(reply: Reply, { status, body }: Answer): void {
  reply.send(status, JSON.stringify(body));
}
