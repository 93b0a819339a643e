/** The error that routes throw to answer with a status, and the plain answer when no error page can. */
import { STATUS_CODES } from "node:http";

/** A client or server error status of HTTP. */
export type ErrorStatus =
  | (400 | 401 | 402 | 403 | 404 | 405 | 406 | 407 | 408 | 409 | 410 | 411 | 412 | 413 | 414)
  | (415 | 416 | 417 | 418 | 421 | 422 | 423 | 424 | 425 | 426 | 428 | 429 | 431 | 451)
  | (500 | 501 | 502 | 503 | 504 | 505 | 506 | 507 | 508 | 510 | 511);

/** Thrown by a handler, page or middleware to end the request with `status`; `_error` or `_404` renders it. */
export class HttpError extends Error {
  readonly status: ErrorStatus;

  constructor(status: ErrorStatus, message?: string, options?: ErrorOptions) {
    super(message ?? STATUS_CODES[status] ?? `HTTP ${status}`, options);
    this.name = "HttpError";
    this.status = status;
  }
}

/** The status an error answers with unless its error page says otherwise. */
export function statusOf(error: unknown): number {
  return error instanceof HttpError ? error.status : 500;
}

/** The last resort: text only, because no error page exists or the error page failed too. */
export function plainErrorResponse(error: unknown): Response {
  const status = statusOf(error);
  const shown = error instanceof HttpError && status < 500
    ? error.message
    : STATUS_CODES[status] ?? "Error";
  return new Response(shown, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
  });
}
