/** Every refusal and failure a person or a client can be told, with one status table. */

/**
 * Code → HTTP status and OpenAI error type. The codes are the contract of docs/api; the SDKs pick their
 * typed class by status. 499 is written to logs and rows, never sent.
 */
export const ERROR_TABLE = {
  invalid_request: { status: 400, type: "invalid_request_error" },
  context_length_exceeded: { status: 400, type: "invalid_request_error" },
  invalid_api_key: { status: 401, type: "authentication_error" },
  model_not_allowed: { status: 403, type: "permission_error" },
  not_found: { status: 404, type: "invalid_request_error" },
  model_not_found: { status: 404, type: "invalid_request_error" },
  method_not_allowed: { status: 405, type: "invalid_request_error" },
  request_too_large: { status: 413, type: "invalid_request_error" },
  unprocessable: { status: 422, type: "invalid_request_error" },
  rate_limit_exceeded: { status: 429, type: "rate_limit_error" },
  insufficient_quota: { status: 429, type: "insufficient_quota" },
  queue_full: { status: 429, type: "rate_limit_error" },
  headers_too_large: { status: 431, type: "invalid_request_error" },
  client_closed: { status: 499, type: "invalid_request_error" },
  internal: { status: 500, type: "server_error" },
  not_implemented: { status: 501, type: "server_error" },
  upstream_error: { status: 502, type: "server_error" },
  upstream_unreachable: { status: 502, type: "server_error" },
  no_upstream: { status: 503, type: "server_error" },
  warming_up: { status: 503, type: "server_error" },
  shutting_down: { status: 503, type: "server_error" },
  storage_unavailable: { status: 503, type: "server_error" },
  billing_unobservable: { status: 503, type: "server_error" },
  wake_timeout: { status: 504, type: "server_error" },
  upstream_timeout: { status: 504, type: "server_error" },
} as const;

export type ErrorCode = keyof typeof ERROR_TABLE;

export type AppErrorOptions = {
  /** The request field at fault, as OpenAI's `param`. */
  param?: string;
  /** Whole seconds after which another try may succeed; sent as Retry-After. */
  retryAfterS?: number;
  /** Sent as `x-should-retry`, which the official SDKs obey over their own rule. */
  shouldRetry?: boolean;
  cause?: unknown;
};

/** An error whose message may be shown: it says what could not be done, the value, and what would do. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly param: string | null;
  readonly retryAfterS: number | null;
  readonly shouldRetry: boolean | null;

  constructor(readonly code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.param = options.param ?? null;
    this.retryAfterS = options.retryAfterS ?? null;
    this.shouldRetry = options.shouldRetry ?? null;
  }

  get status(): number {
    return ERROR_TABLE[this.code].status;
  }
}

/** Any thrown value as an AppError. What is not ours becomes `internal`; its text stays in the log. */
export function asAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  return new AppError("internal", "Something failed on our side; the request id leads to the log", {
    cause: thrown,
  });
}

/** The body every OpenAI-shaped answer carries. */
export type OpenAiError = {
  error: { message: string; type: string; param: string | null; code: string };
};

/** The OpenAI error object. */
export function openAiError(error: AppError): OpenAiError {
  const { type } = ERROR_TABLE[error.code];
  return { error: { message: error.message, type, param: error.param, code: error.code } };
}

/** Anthropic's error types by status, for `/v1/messages`. Source: docs of the Messages API. */
const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
};

/** The Anthropic error object; our own code travels beside it. */
export function anthropicError(error: AppError, requestId: string) {
  const type = ANTHROPIC_TYPES[error.status] ??
    (error.status < 500 ? "invalid_request_error" : "api_error");
  return {
    type: "error" as const,
    error: { type, message: error.message, code: error.code },
    request_id: requestId,
  };
}

/** The headers an error adds to its answer, on every surface. */
export function errorHeaders(error: AppError): Record<string, string> {
  const headers: Record<string, string> = {};
  if (error.retryAfterS !== null) headers["retry-after"] = String(Math.ceil(error.retryAfterS));
  if (error.shouldRetry !== null) headers["x-should-retry"] = String(error.shouldRetry);
  return headers;
}
