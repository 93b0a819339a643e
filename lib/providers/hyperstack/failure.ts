/** What a failed call to Hyperstack means, classed once. Pure. Source: the API's documented errors (Infrahub, August 2026). */
import { type Instant, type Millis, millis } from "@/lib/kernel/clock.ts";
import { ProviderError, type ProviderErrorKind } from "../provider.ts";

export const NAME = "hyperstack";
/** The limit counts by the minute, and as documented says nothing of when it ends. */
export const RATE_WINDOW = millis(60_000);
const MESSAGE_CHARS_MAX = 300;

/** A `read` has no effect; an `act` may have had one although we did not hear. */
export type CallKind = "read" | "act";

/** An answer that is no success. `message` is the provider's own word; null when the answer is not in its form. */
export function answerFailure(
  operation: string,
  kind: CallKind,
  status: number,
  own: string | null,
  retryAfterMs: Millis | null = null,
): ProviderError {
  const message = own ?? "not in the provider's form";
  // A 404 of something in between must not pass for a machine that is gone.
  if (own === null && status === 404) {
    const of = kind === "read" ? "unavailable" : "ambiguous-write";
    return new ProviderError(of, NAME, operation, `404 ${message}`);
  }
  const said = `${status} ${message.slice(0, MESSAGE_CHARS_MAX)}`;
  const of = classOf(kind, status, message);
  const options = of === "rate-limited" ? { retryAfterMs: retryAfterMs ?? RATE_WINDOW } : {};
  return new ProviderError(of, NAME, operation, said, options);
}

function classOf(kind: CallKind, status: number, message: string): ProviderErrorKind {
  if (status === 401 || status === 403) return "auth";
  if (status === 402 || /insufficient (balance|credit|funds)/i.test(message)) {
    return "insufficient-funds";
  }
  if (status === 404) return "not-found";
  if (status === 409) return "conflict";
  if (status === 429) return "rate-limited";
  if (
    /out of stock|no (stock|capacity|available)|not enough (stock|capacity|resources|gpus?)|capacity|stock/i
      .test(message)
  ) {
    return "capacity";
  }
  if (status === 405) return "invalid-state";
  if (status >= 500) return kind === "read" ? "unavailable" : "ambiguous-write";
  if (/state|status|hibernat|already|must be|cannot be/i.test(message)) return "invalid-state";
  return "invalid-request";
}

/** No answer, or one that broke off: an act may have been carried out. */
export function connectionFailure(
  operation: string,
  kind: CallKind,
  thrown: unknown,
): ProviderError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const of = kind === "read" ? "unavailable" : "ambiguous-write";
  return new ProviderError(of, NAME, operation, message.slice(0, MESSAGE_CHARS_MAX), {
    cause: thrown,
  });
}

/** An answer of success that says something else than documented. */
export function malformedAnswer(operation: string, kind: CallKind, what: string): ProviderError {
  const of = kind === "read" ? "malformed-response" : "ambiguous-write";
  return new ProviderError(of, NAME, operation, `an answer we cannot read: ${what}`);
}

/** The wait a Retry-After header names, in seconds or as a date (RFC 9110, section 10.2.3); null when it names none. */
export function retryAfterOf(header: string | null, now: Instant): Millis | null {
  if (header === null) return null;
  if (/^\d{1,9}$/.test(header)) return millis(Number(header) * 1_000);
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : millis(Math.max(0, at - now));
}
