/** What the API's description adds to each inference route: its answer, a request that works, its stream. */
import type { AnswerName } from "./openapi_answers.ts";
import type { INFERENCE_ROUTES, StreamKind } from "./inference_routes.ts";

export type RoutePath = (typeof INFERENCE_ROUTES)[number]["path"];

export type RouteWords = {
  readonly id: string;
  readonly answer: AnswerName;
  /** A body that the route accepts; `model` is filled in. */
  readonly example: Readonly<Record<string, unknown>>;
  readonly more?: string;
};

export const ROUTE_WORDS: Readonly<Record<RoutePath, RouteWords>> = {
  "/v1/chat/completions": {
    id: "createChatCompletion",
    answer: "ChatCompletion",
    example: { messages: [{ role: "user", content: "Hello" }] },
  },
  "/v1/completions": {
    id: "createCompletion",
    answer: "Completion",
    example: { prompt: "Once upon a time", max_tokens: 64 },
  },
  "/v1/responses": {
    id: "createResponse",
    answer: "Response",
    example: { input: "Hello" },
    more: "`previous_response_id` therefore finds nothing; send the conversation again.",
  },
  "/v1/messages": {
    id: "createMessage",
    answer: "Message",
    example: { max_tokens: 256, messages: [{ role: "user", content: "Hello" }] },
    more: "Errors have Anthropic's shape; `x-api-key` is accepted as well as a bearer token.",
  },
  "/v1/embeddings": {
    id: "createEmbedding",
    answer: "Embeddings",
    example: { input: ["a quiet fire", "a frozen lake"] },
  },
  "/v1/rerank": {
    id: "rerank",
    answer: "Rerank",
    example: { query: "how to keep warm", documents: ["light a fire", "swim in a lake"] },
  },
  "/v1/score": {
    id: "score",
    answer: "Score",
    example: { queries: "how to keep warm", documents: ["light a fire", "swim in a lake"] },
    more:
      "vLLM spells the two sides `queries` and `documents`, `data_1` and `data_2`, or `text_1` and `text_2`; all three pass through.",
  },
};

/** What a stream of each kind holds, event by event; null where nothing streams. */
export const STREAMS: Readonly<Record<StreamKind, { about: string; example: string } | null>> = {
  chunks: {
    about:
      "One JSON chunk an event. The last has a `finish_reason`; the usage chunk follows if you asked for it; then `[DONE]`. A stream that fails after it began ends with one event that holds `error`, and no `[DONE]`: without a `finish_reason` the answer is not whole.",
    example: [
      `data: {"choices":[{"delta":{"content":"Sun"}}],…}`,
      `data: {"choices":[{"finish_reason":"stop"}],…}`,
      "data: [DONE]",
      "",
    ].join("\n\n"),
  },
  responses: {
    about:
      "Typed events, from `response.created` to `response.completed`. A stream that fails after it began ends with one `error` event.",
    example: [
      `event: response.created\ndata: {"response":{…}}`,
      `event: response.output_text.delta\ndata: {"delta":"Sun",…}`,
      `event: response.completed\ndata: {"response":{…}}`,
      "",
    ].join("\n\n"),
  },
  messages: {
    about:
      "Anthropic's typed events, from `message_start` to `message_stop`. A stream that fails after it began ends with one `error` event.",
    example: [
      `event: message_start\ndata: {"message":{…}}`,
      `event: content_block_delta\ndata: {"delta":{"type":"text_delta","text":"Sun"},…}`,
      `event: message_stop\ndata: {"type":"message_stop"}`,
      "",
    ].join("\n\n"),
  },
  none: null,
};

/** How a request waits for a machine that is not awake. */
export const WAITING = [
  {
    name: "Silent hold",
    ask: "nothing",
    until: "Holds until the wake budget is spent.",
    answer:
      "The true status and body, once a machine is ready; 504 `wake_timeout` at the latest. For batch jobs and for clients whose timeouts are longer than the budget.",
  },
  {
    name: "Prefer to be told",
    ask: "Prefer: wait=20",
    until: "Holds for N seconds, or the wake budget if that is less.",
    answer:
      "The answer if a machine is ready by then; else 503 `warming_up` with the expected rest in Retry-After. For clients that have their own way to wait.",
  },
  {
    name: "Watch it wake",
    ask: 'x-emberlane-wake: stream, with "stream": true',
    until: "Holds until the wake budget is spent.",
    answer:
      "200 and headers at once, then SSE comments such as `: waking tier=… phase=loading waited_ms=5012 eta_ms=41000`, then the answer's own events. A failure from here on is an `error` event. For people who are waiting.",
  },
] as const;
