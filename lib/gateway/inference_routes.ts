/** The inference routes: where each lives, what it accepts, and how its answers are read. */
import type { ZodType } from "zod";
import { isPlainChat } from "./plain_request.ts";
import {
  chatRequest,
  completionRequest,
  embeddingsRequest,
  messagesRequest,
  rerankRequest,
  responsesRequest,
  scoreRequest,
} from "./request_schemas.ts";

/** Whose error shape and headers the client expects. */
export type Surface = "openai" | "anthropic";

/**
 * How a stream of this route is built. `chunks`: OpenAI's chat and completion chunks, ended by `[DONE]`.
 * `responses`, `messages`: typed events. `none`: never streams.
 */
export type StreamKind = "chunks" | "responses" | "messages" | "none";

export type InferenceRoute = {
  readonly path: string;
  readonly surface: Surface;
  readonly stream: StreamKind;
  readonly schema: ZodType<{ model: string }>;
  /** Says of most bodies, at less than the schema's cost, that it accepts them. */
  readonly isPlain?: typeof isPlainChat;
  readonly about: string;
};

export const INFERENCE_ROUTES = [
  {
    path: "/v1/chat/completions",
    surface: "openai",
    stream: "chunks",
    schema: chatRequest,
    isPlain: isPlainChat,
    about: "Answer a conversation.",
  },
  {
    path: "/v1/completions",
    surface: "openai",
    stream: "chunks",
    schema: completionRequest,
    about: "Continue a text.",
  },
  {
    path: "/v1/responses",
    surface: "openai",
    stream: "responses",
    schema: responsesRequest,
    about: "Answer in the form of OpenAI's Responses API. Responses are not stored.",
  },
  {
    path: "/v1/messages",
    surface: "anthropic",
    stream: "messages",
    schema: messagesRequest,
    about: "Answer in the form of Anthropic's Messages API.",
  },
  {
    path: "/v1/embeddings",
    surface: "openai",
    stream: "none",
    schema: embeddingsRequest,
    about: "Turn texts into vectors.",
  },
  {
    path: "/v1/rerank",
    surface: "openai",
    stream: "none",
    schema: rerankRequest,
    about: "Order documents by how well they answer a query.",
  },
  {
    path: "/v1/score",
    surface: "openai",
    stream: "none",
    schema: scoreRequest,
    about: "Score pairs of texts.",
  },
] as const satisfies readonly InferenceRoute[];
