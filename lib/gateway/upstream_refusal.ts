/** What an engine's error status means: the request's own fault, or this machine's. Pure. */
import { AppError, ERROR_TABLE, type ErrorCode } from "@/lib/kernel/errors.ts";
import type { UpstreamError } from "@/lib/engine/error_shapes.ts";

/** Statuses that say something of the request, which every machine would repeat. */
const REQUEST_FAULTS: ReadonlySet<number> = new Set([400, 413, 415, 422, 501]);
const RETRY_AFTER_MAX_S = 600;

export type Refusal =
  | { kind: "refused"; error: AppError }
  | { kind: "failed"; error: AppError; silent: boolean };

/**
 * Sorts a normalised upstream error. An engine that does not know our key or our model name is misconfigured: the
 * client cannot mend it, so another machine is tried.
 */
export function judgeRefusal(upstream: UpstreamError, retryAfter: string | null): Refusal {
  if (REQUEST_FAULTS.has(upstream.status)) {
    const param = upstream.param === null ? {} : { param: upstream.param };
    return { kind: "refused", error: new AppError(codeFor(upstream), upstream.message, param) };
  }
  const retryAfterS = secondsOf(retryAfter);
  const options = retryAfterS === null ? {} : { retryAfterS };
  if (upstream.status === 429 || upstream.status === 503) {
    return {
      kind: "failed",
      error: new AppError("no_upstream", "The machine is overloaded", {
        retryAfterS: retryAfterS ?? 1,
      }),
      silent: false,
    };
  }
  const message = upstream.status < 500
    ? `The machine refused the gateway's own request (status ${upstream.status})`
    : `The machine failed: ${upstream.message}`;
  return { kind: "failed", error: new AppError("upstream_error", message, options), silent: false };
}

function codeFor(upstream: UpstreamError): ErrorCode {
  const known = Object.hasOwn(ERROR_TABLE, upstream.code) ? upstream.code as ErrorCode : null;
  if (known !== null && ERROR_TABLE[known].status === upstream.status) return known;
  switch (upstream.status) {
    case 413:
      return "request_too_large";
    case 422:
      return "unprocessable";
    case 501:
      return "not_implemented";
    default:
      return "invalid_request";
  }
}

/** Retry-After in seconds; dates and nonsense are not worth honouring here. */
function secondsOf(value: string | null): number | null {
  const seconds = Number(value ?? "");
  return value !== null && /^\d{1,6}$/.test(value.trim())
    ? Math.min(seconds, RETRY_AFTER_MAX_S)
    : null;
}
