/** The meter for each kind of stream. */
import { unreachable } from "@/lib/kernel/assert.ts";
import { chunkMeter } from "./chunk_meter.ts";
import type { StreamKind } from "./inference_routes.ts";
import type { ParsedBody } from "./parse_request.ts";
import type { StreamMeter } from "./stream_meter.ts";
import { messagesMeter, responsesMeter } from "./typed_event_meter.ts";

/** A fresh meter; null for routes that never stream. */
export function meterFor(
  kind: StreamKind,
  body: ParsedBody,
  publicModel: string,
): StreamMeter | null {
  switch (kind) {
    case "chunks":
      return chunkMeter({
        publicModel,
        wantsUsage: body.wantsUsage,
        wantsRunningUsage: body.wantsRunningUsage,
        choices: body.choices, // not the text: the meter lives as long as the stream
      });
    case "responses":
      return responsesMeter(publicModel);
    case "messages":
      return messagesMeter(publicModel);
    case "none":
      return null;
    default:
      return unreachable(kind);
  }
}
