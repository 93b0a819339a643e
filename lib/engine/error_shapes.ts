/** An engine's error in any of the shapes they come in, as one. Pure. Source: reference of vLLM's errors. */
import { z } from "zod";
import { ERROR_TABLE, type ErrorCode } from "@/lib/kernel/errors.ts";
import { redact } from "./redact.ts";

/** What an engine's refusal comes down to. `message` may be shown to the client. */
export type UpstreamError = {
  readonly status: number;
  readonly message: string;
  readonly type: string;
  /** The request field at fault, as the client wrote it; null when the engine does not say. */
  readonly param: string | null;
  readonly code: ErrorCode;
};

const PARAM_CHARS_MAX = 200;

const text = z.string().catch("");
const shape = z.object({
  message: text,
  type: text,
  param: text,
  code: z.union([z.string(), z.number()]).transform(String).catch(""),
});
const problem = z.object({ loc: z.array(z.union([z.string(), z.number()])), msg: z.string() });
const body = z.object({
  error: z.unknown(),
  detail: z.unknown(),
  message: z.unknown(),
}).partial();

type Told = z.infer<typeof shape>;
const NOTHING_TOLD: Told = { message: "", type: "", param: "", code: "" };

/**
 * Normalises the answer of an engine that refused. `status` is the HTTP status; the result's differs from it only where a
 * prompt is too long (always 400) and where the engine sent no error status at all (502).
 */
export function normaliseUpstreamError(status: number, bodyText: string): UpstreamError {
  const told = readShape(bodyText);
  if (isContextLength(status, told)) {
    return made(400, "context_length_exceeded", told.message, null);
  }
  const code = codeOf(status, told);
  const isError = status >= 400 && status <= 599;
  return made(isError ? status : 502, code, told.message, paramOf(told));
}

function made(
  status: number,
  code: ErrorCode,
  message: string,
  param: string | null,
): UpstreamError {
  const shown = redact(withoutParameter(message)).trim();
  const { type } = ERROR_TABLE[code];
  return { status, code, type, param, message: shown === "" ? unsaid(status) : shown };
}

/**
 * vLLM since August 2025, its Rust front end, vLLM-Omni, Anthropic's and llama-server nest an object; v0.10 was flat;
 * its key check and scaling give a string; FastAPI's router `detail`, a text or a list. What is no JSON comes from
 * something in between and says nothing a client may see.
 */
function readShape(bodyText: string): Told {
  let json: unknown;
  try {
    json = JSON.parse(bodyText);
  } catch {
    return NOTHING_TOLD;
  }
  const parsed = body.safeParse(json);
  if (!parsed.success) return NOTHING_TOLD;
  const { error, detail, message } = parsed.data;
  if (typeof error === "string") return { ...NOTHING_TOLD, message: error };
  if (typeof detail === "string") return { ...NOTHING_TOLD, message: detail };
  if (Array.isArray(detail)) return fromProblems(detail);
  const told = shape.safeParse(error ?? (message === undefined ? null : json));
  return told.success ? told.data : NOTHING_TOLD;
}

function fromProblems(detail: readonly unknown[]): Told {
  const problems = detail.flatMap((one) => {
    const parsed = problem.safeParse(one);
    return parsed.success ? [{ field: parsed.data.loc.join("."), msg: parsed.data.msg }] : [];
  });
  const message = problems.map(({ field, msg }) => `${fieldOf(field)}: ${msg}`).join("; ");
  return { ...NOTHING_TOLD, message, param: problems[0]?.field ?? "" };
}

const TOO_LONG = [
  // vLLM v0.10 and later, OpenAI
  /maximum context length (is|of) \d+/i,
  /longer than the (maximum )?model('s context)? length/i,
  /(max_tokens|max_completion_tokens|max_new_tokens)[^.]{0,80}cannot be greater than max_model_len/i,
  /upper bound for \d+ input tokens/i,
  // llama-server, SGLang, Anthropic
  /exceeds? the (available |maximum )?context (size|length|window)/i,
  /longer than the model's context length/i,
  /prompt is too long: \d+ tokens/i,
];

function isContextLength(status: number, { code, type, message }: Told): boolean {
  if (status !== 400 && status !== 413 && status !== 422) return false;
  return code === "context_length_exceeded" || type === "exceed_context_size_error" ||
    TOO_LONG.some((pattern) => pattern.test(message));
}

function codeOf(status: number, told: Told): ErrorCode {
  switch (status) {
    case 401:
      return "invalid_api_key";
    case 404:
      return isModelNotFound(told) ? "model_not_found" : "not_found";
    case 405:
      return "method_not_allowed";
    case 408:
    case 504:
      return "upstream_timeout";
    case 413:
      return "request_too_large";
    case 422:
      return "unprocessable";
    case 429:
      return "rate_limit_exceeded";
    case 431:
      return "headers_too_large";
    case 501:
      return "not_implemented";
    case 503:
      return "no_upstream";
    // Forbidden to the gateway, not to the client.
    case 403:
      return "upstream_error";
    default:
      return status >= 400 && status < 500 ? "invalid_request" : "upstream_error";
  }
}

function isModelNotFound({ code, param, message }: Told): boolean {
  return code === "model_not_found" || param === "model" ||
    /\bmodel\b.{0,200}\b(does not exist|not found)\b/is.test(message);
}

/** `body.messages` is `messages`; vLLM's own checks name theirs at the end of the message. */
function paramOf({ param, message }: Told): string | null {
  const named = param === "" ? PARAMETER.exec(message)?.[1] ?? "" : fieldOf(param);
  return named === "" || named.length > PARAM_CHARS_MAX ? null : redact(named);
}

function fieldOf(path: string): string {
  return path.replace(/^body\.?/, "");
}

/** ` (parameter=top_p, value=2.0)`, which says again what `param` says. */
const PARAMETER = / \(parameter=([\w.[\]]{1,200})(?:, value=[^()]{0,200})?\)\s*$/;

function withoutParameter(message: string): string {
  return message.replace(PARAMETER, "");
}

/** vLLM's engine failures often have an empty message. */
function unsaid(status: number): string {
  if (status >= 500) return "The engine failed and did not say why";
  if (status === 404) return "The engine has no such endpoint";
  return `The engine refused the request (status ${status}) and did not say why`;
}
