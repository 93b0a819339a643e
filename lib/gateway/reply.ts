/** How answers look on the wire: the headers every one carries, and errors in the shape its surface expects. */
import { anthropicError, type AppError, errorHeaders, openAiError } from "@/lib/kernel/errors.ts";
import type { Surface } from "./inference_routes.ts";
import type { Answer, AnswerHeaders, HeaderLookup } from "./transport.ts";

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** The client's `x-request-id` when it is a sane one, else ours. */
export function requestIdOf(headers: HeaderLookup, own: string): string {
  const given = headers.get("x-request-id");
  return given !== null && REQUEST_ID.test(given) ? given : own;
}

/** Headers on every answer of `/v1`. `demo` says that nothing here is a real GPU. */
export function baseHeaders(requestId: string, surface: Surface, demo: boolean): AnswerHeaders {
  const headers = new Map([["x-request-id", requestId], ["cache-control", "no-store"]]);
  if (surface === "anthropic") headers.set("request-id", requestId);
  if (demo) headers.set("x-emberlane-demo", "true");
  return headers;
}

/** The body of an error in the shape of `surface`. */
export function errorBody(error: AppError, surface: Surface, requestId: string): string {
  const body = surface === "anthropic" ? anthropicError(error, requestId) : openAiError(error);
  return JSON.stringify(body);
}

/** A whole error answer. */
export function errorAnswer(error: AppError, surface: Surface, headers: AnswerHeaders): Answer {
  for (const [name, value] of Object.entries(errorHeaders(error))) headers.set(name, value);
  headers.set("content-type", "application/json");
  const requestId = headers.get("x-request-id") ?? "";
  return { status: error.status, headers, body: errorBody(error, surface, requestId) };
}

/** Times of one request, for `server-timing` (W3C Server Timing), in milliseconds. */
export type Timing = { admitMs: number; waitMs: number; upstreamMs: number };

export function serverTiming({ admitMs, waitMs, upstreamMs }: Timing): string {
  return `admit;dur=${shown(admitMs)}, wait;dur=${shown(waitMs)}, upstream;dur=${
    shown(upstreamMs)
  }`;
}

/** Two decimals, of less than 24 days; `toFixed` goes through V8's runtime for each. */
function shown(ms: number): string {
  const hundredths = Math.max(0, Math.round(ms * 100));
  const whole = Math.floor(hundredths / 100) | 0;
  const rest = (hundredths - whole * 100) | 0;
  return `${whole}.${rest < 10 ? "0" : ""}${rest}`;
}
