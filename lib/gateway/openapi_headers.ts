/** The headers of `/v1`, in OpenAPI's words: those a request may send and those an answer carries. */

type Schema = Readonly<Record<string, unknown>>;

export type HeaderParameter = {
  readonly name: string;
  readonly in: "header";
  readonly description: string;
  readonly required: false;
  readonly schema: Schema;
};

export type AnswerHeader = { readonly description: string; readonly schema: Schema };

const text: Schema = { type: "string" };
const wholeNumber: Schema = { type: "integer", minimum: 0 };

/** What an inference request may send beside its body; names as {@link policyOf} reads them. */
export const REQUEST_HEADERS = {
  Prefer: {
    schema: { type: "string", pattern: "wait=[0-9]+", examples: ["wait=20"] },
    description:
      "`wait=N` (RFC 7240): if no machine is ready within N seconds, answer 503 `warming_up` with Retry-After. The wake goes on. At most 3,600; other preferences are ignored.",
  },
  "x-emberlane-wake": {
    schema: { type: "string", enum: ["hold", "stream"], default: "hold" },
    description:
      "`stream`, for requests with `stream: true`: send the headers at once and report the wake in SSE comments until the answer begins.",
  },
  "x-emberlane-band": {
    schema: { type: "string", enum: ["spot", "standard"] },
    description: "Only tiers of this band. Without it, the lineup's order decides.",
  },
  "x-emberlane-max-price": {
    schema: { type: "string", pattern: "^[0-9]+(\\.[0-9]{1,9})?$", examples: ["0.60"] },
    description: "The most to pay, in US dollars per million output tokens.",
  },
  "x-session-id": {
    schema: { type: "string", maxLength: 256 },
    description:
      "Keeps a conversation on the machine whose prefix cache knows it, while that is ready and not overloaded. `x-podvirt-session-id` is read as well.",
  },
  "x-request-id": {
    schema: { type: "string", pattern: "^[A-Za-z0-9._-]{1,128}$" },
    description: "Your own name for the request. One that does not fit the pattern is replaced.",
  },
  "x-stainless-timeout": {
    schema: { type: "number", exclusiveMinimum: 0 },
    description:
      "The client's own timeout in seconds. The official SDKs send it; the gateway then answers 504 shortly before the client would give up.",
  },
} as const satisfies Record<string, { schema: Schema; description: string }>;

export const REQUEST_HEADER_PARAMETERS: Readonly<Record<string, HeaderParameter>> = Object
  .fromEntries(
    Object.entries(REQUEST_HEADERS).map(([name, { schema, description }]) => [
      name,
      { name, in: "header" as const, description, required: false as const, schema },
    ]),
  );

/** What answers carry, and when. */
export const ANSWER_HEADERS = {
  "x-request-id": {
    description: "On every answer. The id in our log and in the usage row.",
    schema: text,
  },
  "request-id": {
    description: "The same, on `/v1/messages`, where Anthropic's SDK reads it.",
    schema: text,
  },
  "x-emberlane-tier": { description: "The tier that served. On 200.", schema: text },
  "x-emberlane-machine": { description: "The machine that served. On 200.", schema: text },
  "x-emberlane-wake-ms": {
    description: "Milliseconds the request waited for a machine; 0 when one was ready. On 200.",
    schema: wholeNumber,
  },
  "server-timing": {
    description: "`admit`, `wait` and `upstream` in milliseconds (W3C Server Timing). On 200.",
    schema: text,
  },
  "x-ratelimit-limit-requests": {
    description: "The key's limit a minute, where it has one.",
    schema: wholeNumber,
  },
  "x-ratelimit-remaining-requests": { description: "Requests left of it.", schema: wholeNumber },
  "x-ratelimit-reset-requests": {
    description: "When it is whole again, such as `12ms` or `6m0s`.",
    schema: text,
  },
  "x-ratelimit-limit-tokens": {
    description: "The key's tokens a minute, where limited.",
    schema: wholeNumber,
  },
  "x-ratelimit-remaining-tokens": { description: "Tokens left of it.", schema: wholeNumber },
  "x-ratelimit-reset-tokens": { description: "When it is whole again.", schema: text },
  "retry-after": {
    description:
      "Whole seconds until another try may succeed. On 429, 502, 503 and 504, where it is known.",
    schema: wholeNumber,
  },
  "x-should-retry": {
    description: "`false` where a retry by the SDK would only do harm; the official SDKs obey it.",
    schema: { type: "string", enum: ["true", "false"] },
  },
  allow: { description: "The methods of this path. On 405.", schema: text },
  "cache-control": { description: "`no-store` on every answer.", schema: text },
  "x-emberlane-demo": {
    description: "`true` where every machine is simulated.",
    schema: { type: "string", enum: ["true"] },
  },
} as const satisfies Record<string, AnswerHeader>;

export type AnswerHeaderName = keyof typeof ANSWER_HEADERS;

const EVERYWHERE: readonly AnswerHeaderName[] = [
  "x-request-id",
  "cache-control",
  "x-emberlane-demo",
];
const SERVED: readonly AnswerHeaderName[] = [
  "x-emberlane-tier",
  "x-emberlane-machine",
  "x-emberlane-wake-ms",
  "server-timing",
];
const LIMITED: readonly AnswerHeaderName[] = [
  "x-ratelimit-limit-requests",
  "x-ratelimit-remaining-requests",
  "x-ratelimit-reset-requests",
  "x-ratelimit-limit-tokens",
  "x-ratelimit-remaining-tokens",
  "x-ratelimit-reset-tokens",
];

/** The headers of a 200. `inference`: a machine served it. */
export function headersOfAnswer(inference: boolean): readonly AnswerHeaderName[] {
  return inference ? [...EVERYWHERE, ...SERVED, ...LIMITED] : EVERYWHERE;
}

/** The headers an error of this status may carry. */
export function headersOfError(status: number): readonly AnswerHeaderName[] {
  if (status === 405) return [...EVERYWHERE, "allow"];
  if (status === 429 || status >= 502) {
    return [...EVERYWHERE, "retry-after", "x-should-retry", ...LIMITED];
  }
  return EVERYWHERE;
}
