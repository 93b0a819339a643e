/** What each error code tells a client to do: the words of the error contract, one for every row of the status table. */
import { ERROR_TABLE, type ErrorCode } from "@/lib/kernel/errors.ts";

/**
 * What another try would bring. `never`: the same refusal. `after`: wait the seconds of Retry-After. `soon`: back off
 * and try again. `by_plan`: not by the SDK (`x-should-retry: false`), but by a person or a job later on. `unsent`: no
 * client ever sees it.
 */
export type Retry = "never" | "after" | "soon" | "by_plan" | "unsent";

export type ErrorContractRow = {
  readonly code: ErrorCode;
  readonly status: number;
  readonly type: string;
  readonly retry: Retry;
  /** What happened, and what would do. */
  readonly means: string;
};

type Advice = Pick<ErrorContractRow, "retry" | "means">;

const ADVICE = {
  invalid_request: {
    retry: "never",
    means: "A field or header cannot be used; `param` names it and the message says what would do.",
  },
  context_length_exceeded: {
    retry: "never",
    means: "Prompt and answer do not fit the model's context. Passed on from the engine.",
  },
  invalid_api_key: {
    retry: "never",
    means: "No key was sent, or it is unknown, expired or revoked.",
  },
  model_not_allowed: {
    retry: "never",
    means: "The key's own list does not name this model.",
  },
  not_found: {
    retry: "never",
    means: "Nothing answers at this path; the message names the paths there are.",
  },
  model_not_found: {
    retry: "never",
    means: "No model, alias or route has this name. `param` is `model`.",
  },
  method_not_allowed: {
    retry: "never",
    means: "The path exists and answers other methods; `Allow` names them.",
  },
  request_too_large: {
    retry: "never",
    means: "The body is over this deployment's limit.",
  },
  unprocessable: {
    retry: "never",
    means: "The engine understood the body and cannot serve it. Passed on from the engine.",
  },
  rate_limit_exceeded: {
    retry: "after",
    means:
      "The key's requests or tokens of this minute are used up. A request that could never fit has `x-should-retry: false` instead of Retry-After.",
  },
  insufficient_quota: {
    retry: "by_plan",
    means:
      "A budget is spent: today that of a provider of machines for the day. Retry-After says when it begins anew.",
  },
  queue_full: {
    retry: "after",
    means: "As many requests as the tier holds already wait for its machine to wake.",
  },
  headers_too_large: {
    retry: "never",
    means: "All header fields together are over the limit.",
  },
  client_closed: {
    retry: "unsent",
    means: "The client left first. Written to the log and the usage row, never sent.",
  },
  internal: {
    retry: "soon",
    means: "A defect on our side. The request id leads to the log line.",
  },
  not_implemented: {
    retry: "never",
    means: "The engine knows the route and cannot do this. Passed on from the engine.",
  },
  upstream_error: {
    retry: "soon",
    means: "The machines that were tried failed before their first content.",
  },
  upstream_unreachable: {
    retry: "soon",
    means: "No connection to the machines that were tried.",
  },
  no_upstream: {
    retry: "after",
    means:
      "No machine can serve this now, and none can be woken: the message says of each tier why, and Retry-After when the first may be tried again. If the band or the price you allow rules every tier out, `x-should-retry: false` stands beside it.",
  },
  warming_up: {
    retry: "after",
    means:
      "You asked with `Prefer: wait=N` and N seconds were not enough. The wake goes on; Retry-After is its expected rest.",
  },
  shutting_down: {
    retry: "after",
    means: "This gateway is stopping. Another one, or the same one restarted, takes the next try.",
  },
  storage_unavailable: {
    retry: "after",
    means: "The request could not be accounted for, so it was not served.",
  },
  billing_unobservable: {
    retry: "by_plan",
    means: "A machine's bill cannot be read, so nothing new is spent on it.",
  },
  wake_timeout: {
    retry: "by_plan",
    means:
      "No machine was ready in time. The wake goes on. Sent with `x-should-retry: false`, because a blind retry would hold once more for as long.",
  },
  upstream_timeout: {
    retry: "soon",
    means: "The machine sent nothing for too long, or the request ran over its tier's limit.",
  },
} as const satisfies Record<ErrorCode, Advice>;

/** Every code there is, by status. */
export const ERROR_CONTRACT: readonly ErrorContractRow[] = Object.entries(ADVICE).map(
  ([name, advice]) => {
    // The keys of ADVICE are the codes, by its type.
    const code = name as ErrorCode;
    return { code, ...ERROR_TABLE[code], ...advice };
  },
).sort((a, b) => a.status - b.status);
