/** The one event that ends a stream which failed after its headers were sent: never followed by `[DONE]`. Pure. */
import { anthropicError, type AppError, openAiError } from "@/lib/kernel/errors.ts";
import type { StreamKind } from "./inference_routes.ts";

/** The event in the form the route's clients raise as an error. */
export function errorEvent(error: AppError, kind: StreamKind, requestId: string): string {
  switch (kind) {
    case "messages":
      return `event: error\ndata: ${JSON.stringify(anthropicError(error, requestId))}\n\n`;
    case "responses": {
      // OpenAI's event has the fields flat; `error` beside them is what both SDKs raise on.
      const { error: body } = openAiError(error);
      return `event: error\ndata: ${JSON.stringify({ ...body, type: "error", error: body })}\n\n`;
    }
    case "chunks":
    case "none":
      return `data: ${JSON.stringify(openAiError(error))}\n\n`;
  }
}
