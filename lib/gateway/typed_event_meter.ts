/**
 * Meters streams of typed events: OpenAI's Responses and Anthropic's Messages. Neither can be asked for running
 * usage, so a stream cut short is counted by its delta events, and its row says so.
 */
import { dataOf, nameOf } from "./event_splitter.ts";
import { membersOf } from "./json_splice.ts";
import {
  type EventReading,
  type MeteredUsage,
  numberAfter,
  renameFirstModel,
  type StreamMeter,
} from "./stream_meter.ts";

/** `response.*` events, ended by completed, incomplete or failed. Source: reference of vLLM's wire protocol, section 7. */
export function responsesMeter(publicModel: string): StreamMeter {
  const usage: MeteredUsage = {
    promptTokens: 0,
    completionTokens: 0,
    cachedTokens: 0,
    from: "none",
  };
  let status: string | null = null;

  function read(event: string): EventReading {
    const data = dataOf(event);
    if (data === null) return { kind: "forward", text: event, content: false };
    const type = nameOf(event) ?? "";
    if (type === "error" || type === "response.failed" || data.startsWith('{"error"')) {
      return { kind: "failure", message: failureMessage(data) };
    }
    const ends = type === "response.completed" || type === "response.incomplete";
    const isDelta = type.endsWith(".delta");
    if (isDelta) countChunk(usage);
    if (ends) {
      const at = data.lastIndexOf('"usage":{');
      if (at !== -1) {
        usage.promptTokens = numberAfter(data, '"input_tokens":', at) ?? 0;
        usage.completionTokens = numberAfter(data, '"output_tokens":', at) ??
          usage.completionTokens;
        usage.cachedTokens = numberAfter(data, '"cached_tokens":', at) ?? 0;
        usage.from = "engine";
      }
      status = type === "response.incomplete" || data.includes('"status":"incomplete"')
        ? "length"
        : "stop";
    }
    const text = data.includes('"response":{') ? renameResponseModel(event, publicModel) : event;
    return { kind: "forward", text, content: isDelta || ends };
  }

  return {
    read,
    usage,
    finished: () => status !== null,
    get finishReason() {
      return status;
    },
    endMarker: "",
  };
}

/** `message_start` … `message_stop`. Source: reference of vLLM's wire protocol, section 8. */
export function messagesMeter(publicModel: string): StreamMeter {
  const usage: MeteredUsage = {
    promptTokens: 0,
    completionTokens: 0,
    cachedTokens: 0,
    from: "none",
  };
  let stopReason: string | null = null;
  let stopped = false;

  function read(event: string): EventReading {
    const data = dataOf(event);
    if (data === null) return { kind: "forward", text: event, content: false };
    const type = nameOf(event) ?? "";
    switch (type) {
      case "error":
        return { kind: "failure", message: failureMessage(data) };
      case "message_start":
        usage.promptTokens = numberAfter(data, '"input_tokens":') ?? 0;
        return { kind: "forward", text: renameFirstModel(event, publicModel), content: false };
      case "content_block_delta":
        countChunk(usage);
        return { kind: "forward", text: event, content: true };
      case "message_delta": {
        const at = data.lastIndexOf('"usage":{');
        usage.promptTokens = numberAfter(data, '"input_tokens":', at) ?? usage.promptTokens;
        usage.completionTokens = numberAfter(data, '"output_tokens":', at) ??
          usage.completionTokens;
        usage.from = "engine";
        stopReason = /"stop_reason":"([a-z_]+)"/.exec(data)?.[1] ?? stopReason;
        return { kind: "forward", text: event, content: true };
      }
      case "message_stop":
        stopped = true;
        return { kind: "forward", text: event, content: true };
      default:
        if (data.startsWith('{"error"')) return { kind: "failure", message: failureMessage(data) };
        return { kind: "forward", text: event, content: false };
    }
  }

  return {
    read,
    usage,
    finished: () => stopped,
    get finishReason() {
      return stopReason;
    },
    endMarker: "",
  };
}

function countChunk(usage: MeteredUsage): void {
  usage.completionTokens++;
  usage.from = "chunks";
}

/** The response object holds the client's own metadata before its model, so the member is looked up, not searched. */
function renameResponseModel(event: string, publicModel: string): string {
  const response = membersOf(event).find((member) => member.key === "response");
  if (response === undefined) return event;
  const model = membersOf(event, response.valueStart).find((member) => member.key === "model");
  if (model === undefined) return event;
  return event.slice(0, model.valueStart) + JSON.stringify(publicModel) + event.slice(model.end);
}

function failureMessage(data: string): string {
  return /"message": ?"((?:[^"\\]|\\.){1,500})"/.exec(data)?.[1] ??
    "the engine failed without saying why";
}
