/** vLLM's error bodies, per version. */

import type { Profile } from "../profile.ts";
import { dumps } from "../python/json.ts";

export type ApiError = {
  readonly status: number;
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
};

export const ENGINE_DEAD: ApiError = {
  status: 500,
  message: "EngineCore encountered an issue. See stack trace (above) for the root cause.",
  type: "InternalServerError",
  param: null,
};

/** FastAPI's own answers: routing never reaches vLLM's handler. */
export const NOT_FOUND = `{"detail":"Not Found"}`;
export const METHOD_NOT_ALLOWED = `{"detail":"Method Not Allowed"}`;
/** The auth middleware's answer: here `error` is a string. */
export const UNAUTHORIZED = `{"error":"Unauthorized"}`;

/** An OpenAI-style error body. */
export function errorBody(profile: Profile, e: ApiError): string {
  const { message, type, param, status: code } = e;
  return JSON.stringify(
    profile.nestedErrors
      ? { error: { message, type, param, code } }
      : { object: "error", message, type, param, code },
  );
}

/** The event for a failure after the headers were sent; `json.dumps` style, so with spaces. */
export function errorEvent(profile: Profile, e: ApiError): string {
  const told = profile.streamFailuresAreInternal || e.type !== "InternalServerError"
    ? e
    : { ...e, type: "BadRequestError", status: 400 };
  const { message, type, param, status: code } = told;
  const error = profile.nestedErrors
    ? { message, type, param, code }
    : { object: "error", message, type, param, code };
  return `data: ${dumps({ error })}\n\n`;
}

/** The 404 for a model this server does not serve. */
export function unknownModel(profile: Profile, model: string): ApiError {
  return {
    status: 404,
    message: `The model \`${model}\` does not exist.`,
    type: "NotFoundError",
    param: profile.modelErrorParam ? "model" : null,
  };
}

/** A 400 from vLLM's own checks in the handlers. */
export function badRequest(message: string, param: string | null = null): ApiError {
  return { status: 400, message, type: "BadRequestError", param };
}

/** The name Anthropic's shape gives an error. */
export function anthropicError(e: ApiError): string {
  return JSON.stringify({ type: "error", error: { type: e.type, message: e.message } });
}
