/** From an HTTP request to one we can serve: the body read within a limit, parsed once, and checked by its schema. */
import type { z } from "zod";
import { AppError } from "@/lib/kernel/errors.ts";
import { decodeUtf8 } from "@/lib/kernel/utf8.ts";
import type { InferenceRoute } from "./inference_routes.ts";
import type { Inbound } from "./transport.ts";

/** What the gateway needs to know of a body; `text` is kept whole for retries. */
export type ParsedBody = {
  readonly text: string;
  readonly isAscii: boolean;
  readonly model: string;
  readonly stream: boolean;
  /** What the client asked of the usage in a stream. */
  readonly wantsUsage: boolean;
  readonly wantsRunningUsage: boolean;
  /** How many choices must finish before a stream is complete. */
  readonly choices: number;
};

/** The body, at once when it is there. Throws AppError `request_too_large`, or `invalid_request` for a body of another kind. */
export function readBody(
  request: Inbound,
  bodyBytesMax: number,
): ReturnType<Inbound["body"]> {
  const contentType = request.headers.get("content-type") ?? "";
  const mediaType = contentType === "application/json"
    ? contentType
    : contentType.split(";", 1)[0]?.trim().toLowerCase();
  if (mediaType !== "application/json") {
    const seen = mediaType === "" ? "no content type" : `content type "${mediaType?.slice(0, 80)}"`;
    throw new AppError(
      "invalid_request",
      `Cannot read a body with ${seen}: send application/json`,
      {
        param: "content-type",
      },
    );
  }
  return request.body(bodyBytesMax);
}

/**
 * Checks a body. Throws AppError `invalid_request` that names the field, what stands there and what would do; prompts
 * are never quoted.
 */
export function parseBody(body: Uint8Array | string, route: InferenceRoute): ParsedBody {
  const text = typeof body === "string" ? body : textOf(body);
  const value = parseJson(text);
  const isAscii = text.length === body.length; // every other character takes more bytes
  if (route.isPlain?.(value) === true) return describe(text, isAscii, value);
  const parsed = route.schema.safeParse(value);
  if (!parsed.success) throw invalidField(parsed.error);
  return describe(text, isAscii, parsed.data);
}

function textOf(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  if (text !== null) return text;
  throw new AppError("invalid_request", "Cannot read the body: it is not UTF-8");
}

const NOT_BLANK = /\S/;

function parseJson(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!NOT_BLANK.test(text)) {
      throw new AppError("invalid_request", "Cannot read an empty body: send a JSON object");
    }
    // V8 quotes the text around the fault, which may be a prompt; only the position is told.
    const position = /position (\d+)/.exec(error instanceof Error ? error.message : "")?.[1];
    const where = position === undefined ? "" : ` at byte offset ${position}`;
    throw new AppError(
      "invalid_request",
      `Cannot parse the body as JSON${where}: send one JSON object`,
    );
  }
  if (isObject(value)) return value;
  throw new AppError("invalid_request", "Cannot use the body: send a JSON object");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalidField(error: z.ZodError): AppError {
  const issue = error.issues[0];
  const param = fieldOf(issue?.path ?? []);
  const more = error.issues.length > 1 ? ` (and ${error.issues.length - 1} more)` : "";
  const what = issue?.message ?? "it is not valid";
  return new AppError("invalid_request", `Cannot use the field "${param}": ${what}${more}`, {
    param,
  });
}

/** `messages[0].role`, as OpenAI writes it. */
function fieldOf(path: readonly PropertyKey[]): string {
  return path.map((part, i) =>
    typeof part === "number" ? `[${part}]` : (i > 0 ? "." : "") + String(part)
  ).join("");
}

function describe(
  text: string,
  isAscii: boolean,
  body: Readonly<Record<string, unknown>> & { model: string },
): ParsedBody {
  const options = body["stream_options"];
  const wants = (key: string) =>
    typeof options === "object" && options !== null && Reflect.get(options, key) === true;
  const prompt = body["prompt"];
  const prompts = Array.isArray(prompt) && typeof prompt[0] !== "number" ? prompt.length : 1;
  const n = typeof body["n"] === "number" ? body["n"] : 1;
  return {
    text,
    isAscii,
    model: body.model,
    stream: body["stream"] === true,
    wantsUsage: wants("include_usage"),
    wantsRunningUsage: wants("include_usage") && wants("continuous_usage_stats"),
    choices: n * prompts,
  };
}
