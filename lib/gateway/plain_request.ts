/**
 * Tells the plainest of chat requests, which most are, from those that need their schema: a schema takes some 0.5 µs to
 * say yes. Pure.
 */
import { MESSAGES_MAX, MODEL_CHARS_MAX } from "./request_schemas.ts";

type Named = Readonly<Record<string, unknown>> & { readonly model: string };

/** Whether `chatRequest` surely accepts the body as it stands; false says nothing. */
export function isPlainChat(body: Readonly<Record<string, unknown>>): body is Named {
  for (const key in body) {
    const value = body[key];
    switch (key) {
      case "stream":
        if (typeof value !== "boolean") return false;
        break;
      case "max_tokens":
      case "max_completion_tokens":
        if (!Number.isSafeInteger(value) || Number(value) < 0) return false;
        break;
      case "temperature":
      case "top_p":
        if (!Number.isFinite(value)) return false;
        break;
      case "stream_options":
      case "n":
      case "tools":
      case "stop":
      case "seed":
        return false; // rarer, and with more to them
    }
  }
  const { model, messages } = body;
  return typeof model === "string" && model.length > 0 && model.length <= MODEL_CHARS_MAX &&
    Array.isArray(messages) && messages.length > 0 && messages.length <= MESSAGES_MAX &&
    messages.every(hasRole);
}

function hasRole(message: unknown): boolean {
  if (typeof message !== "object" || message === null) return false;
  const role: unknown = Reflect.get(message, "role");
  return typeof role === "string" && role.length > 0;
}
