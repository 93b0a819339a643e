/**
 * The error bodies engines answer with, in one shape. Five are known in the field: vLLM's nested object, its flat one
 * of v0.10, a bare string, FastAPI's `detail`, and the Rust front end's; Anthropic's envelope on `/v1/messages`.
 * Source: reference of vLLM's wire protocol, sections 1, 3.1, 8, 10 and 15. Pure.
 */
import { z } from "zod";

export type UpstreamError = {
  readonly status: number;
  /** Safe to show: no address, path or trace of the engine's host. */
  readonly message: string;
  readonly param: string | null;
  /** An OpenAI string code. */
  readonly code: string;
};

const MESSAGE_CHARS_MAX = 2_000;

const details = z.looseObject({
  message: z.string().nullish(),
  type: z.string().nullish(),
  param: z.string().nullish(),
  code: z.union([z.string(), z.number()]).nullish(),
});
const nested = z.looseObject({ error: details });
const plain = z.looseObject({ error: z.string() });
const fastApi = z.looseObject({ detail: z.unknown() });

type Details = z.infer<typeof details>;

/** Reads an error body. A body nobody can read still gives an error that says what is known: the status. */
export function normaliseUpstreamError(status: number, bodyText: string): UpstreamError {
  const found = detailsOf(bodyText);
  const message = shownMessage(found.message ?? "", status);
  return { status, message, param: paramOf(found), code: codeOf(status, found, message) };
}

function detailsOf(bodyText: string): Details {
  let body: unknown;
  try {
    body = JSON.parse(bodyText);
  } catch {
    return {}; // HTML of a proxy in between, or nothing
  }
  const asNested = nested.safeParse(body);
  if (asNested.success) return asNested.data.error;
  const asPlain = plain.safeParse(body);
  if (asPlain.success) return { message: asPlain.data.error };
  const asFastApi = fastApi.safeParse(body);
  if (asFastApi.success) {
    const { detail } = asFastApi.data;
    return { message: typeof detail === "string" ? detail : null };
  }
  const asFlat = details.safeParse(body);
  return asFlat.success ? asFlat.data : {};
}

/** vLLM names fields from the body's root; clients know them without it. */
function paramOf({ param }: Details): string | null {
  if (param === null || param === undefined || param === "") return null;
  return param.replace(/^body\.(?=\D)/, "");
}

/** Too long for the model: no vLLM has a code for it, only these texts, by version. */
const CONTEXT_TEXTS = [
  /maximum context length/i,
  /max_tokens=\d+ cannot be greater than max_model_len/i,
  /longer than the maximum model length/i,
];

function codeOf(status: number, { code }: Details, message: string): string {
  if (status === 404 && /model/i.test(message)) return "model_not_found";
  if (CONTEXT_TEXTS.some((text) => text.test(message))) return "context_length_exceeded";
  if (typeof code === "string" && /^[a-z_]{3,64}$/.test(code) && code !== "invalid_request_error") {
    return code;
  }
  if (status === 422) return "unprocessable";
  return status < 500 ? "invalid_request" : "upstream_error";
}

function shownMessage(message: string, status: number): string {
  const text = message.trim() === "" ? `the engine answered ${status} without a reason` : message;
  return withoutPlaces(text).slice(0, MESSAGE_CHARS_MAX);
}

/** Takes out what tells of the engine's host: URLs, addresses, file paths, memory addresses, tracebacks. */
function withoutPlaces(text: string): string {
  return text
    .replace(/Traceback \(most recent call last\)[\s\S]*$/, "(trace left out)")
    .replace(/\b(?:https?|tcp|ipc):\/\/[^\s"')]+/g, "(address left out)")
    .replace(/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g, "(address left out)")
    .replace(/(?<![\w.])\/(?:[\w.-]+\/)+[\w.-]+/g, "(path left out)")
    .replace(/\b0x[0-9a-f]{6,}\b/gi, "(address left out)");
}
