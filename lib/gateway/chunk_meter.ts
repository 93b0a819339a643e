/**
 * Meters OpenAI chunk streams (chat and text completions). Engines are always asked for running usage; what the
 * client did not ask for is cut out of the text, without parsing or rewriting the chunk.
 */
import { dataOf } from "./event_splitter.ts";
import { valueEnd } from "./json_splice.ts";
import {
  DROP,
  type EventReading,
  type MeteredUsage,
  numberAfter,
  renameFirstModel,
  type StreamMeter,
} from "./stream_meter.ts";

export type ChunkMeterOptions = {
  /** The catalogue id the client is told. */
  readonly publicModel: string;
  readonly wantsUsage: boolean;
  readonly wantsRunningUsage: boolean;
  /** Choices that must finish. */
  readonly choices: number;
};

const USAGE = '"usage":{';
const REASON = '"finish_reason":';
const PLAIN_START = 'data: {"';
const ERROR_START = 'data: {"error"';
const PLAIN_END = "}}\n\n";
const DONE = "[DONE]";

export function chunkMeter(options: ChunkMeterOptions): StreamMeter {
  const usage = new RunningUsage();
  const finished = new Map<number, string>();
  /** vLLM's running usage counts each choice by itself. Source: reference of vLLM's wire protocol, section 5.2. */
  const runningTokens = options.choices === 1 ? null : new Map<number, number>();
  let contentSeen = false;

  function read(event: string): EventReading {
    return readPlain(event) ?? readAny(event);
  }

  /**
   * The chunk of which a stream is made, after its first content: one choice, not its last, with running usage behind.
   * Told by a few looks from the end; null sends it the long way.
   */
  function readPlain(event: string): EventReading | null {
    if (!contentSeen || options.choices !== 1 || !event.startsWith(PLAIN_START)) return null;
    if (event.startsWith(ERROR_START)) return null;
    const usageAt = event.lastIndexOf(USAGE);
    if (usageAt === -1 || !event.endsWith(PLAIN_END)) return null;
    const reasonAt = event.lastIndexOf(REASON, usageAt);
    if (reasonAt === -1 || !event.startsWith("null", reasonAt + REASON.length)) return null;
    // An object of its own: the running usage. A chunk of nothing but usage names no reason.
    if (event.indexOf("\n") !== event.length - 2) return null;
    usage.keep(event, usageAt);
    const text = options.wantsRunningUsage ? event : withoutMember(event, usageAt);
    return {
      kind: "forward",
      text: renameFirstModel(text, options.publicModel),
      content: true,
    };
  }

  function readAny(event: string): EventReading {
    const data = dataOf(event);
    if (data === null) return { kind: "forward", text: event, content: false };
    if (data === DONE) return DROP;
    if (data.startsWith('{"error"')) return { kind: "failure", message: errorMessage(data) };
    if (!data.startsWith("{") || !data.trimEnd().endsWith("}")) {
      return { kind: "failure", message: "the engine sent a chunk that is not JSON" };
    }
    const usageOnly = data.includes('"choices":[]');
    const usageAt = event.lastIndexOf(USAGE);
    if (usageAt !== -1 && usageOnly) note(event, usageAt, "engine");
    else if (usageAt !== -1) noteRunning(event, usageAt);
    else if (!usageOnly && usage.from !== "running" && usage.from !== "engine") {
      usage.completionTokens++;
      usage.from = "chunks";
    }
    if (!usageOnly && data.includes('"finish_reason":"')) {
      const failure = noteFinish(data);
      if (failure !== null) return failure;
    }
    if (usageOnly && usageAt !== -1 && !options.wantsUsage) return DROP;
    contentSeen ||= !usageOnly && carriesContent(data);
    const cut = usageAt !== -1 && !usageOnly && !options.wantsRunningUsage;
    const text = cut ? withoutMember(event, usageAt) : event;
    return {
      kind: "forward",
      text: renameFirstModel(text, options.publicModel),
      content: contentSeen,
    };
  }

  function note(event: string, at: number, from: "engine" | "running"): void {
    usage.promptTokens = numberAfter(event, '"prompt_tokens":', at) ?? usage.promptTokens;
    usage.completionTokens = numberAfter(event, '"completion_tokens":', at) ??
      usage.completionTokens;
    usage.cachedTokens = numberAfter(event, '"cached_tokens":', at) ?? usage.cachedTokens;
    usage.from = from;
  }

  function noteRunning(event: string, at: number): void {
    note(event, at, "running");
    if (runningTokens === null) return;
    const choice = numberAfter(event, '"index":', event.indexOf('"choices":[')) ?? 0;
    runningTokens.set(choice, usage.completionTokens);
    if (runningTokens.size === 1) return;
    usage.completionTokens = runningTokens.values().reduce((sum, tokens) => sum + tokens, 0);
  }

  /** Rare enough to parse. `abort` is the engine giving up: the client's own leaving never gets here. */
  function noteFinish(data: string): EventReading | null {
    for (const { index, finish_reason: reason } of choicesOf(data)) {
      if (reason === "abort") return { kind: "failure", message: "the engine aborted the request" };
      if (reason !== null) finished.set(index, reason);
    }
    return null;
  }

  return {
    read,
    usage,
    finished: () => finished.size >= options.choices,
    get finishReason() {
      return finished.get(0) ?? null;
    },
    endMarker: `data: ${DONE}\n\n`,
  };
}

/** Usage of which the newest is read only when somebody asks: a stream says it with every token, and is asked once a second. */
class RunningUsage implements MeteredUsage {
  #prompt = 0;
  #completion = 0;
  #cached = 0;
  #from: MeteredUsage["from"] = "none";
  #unread: string | null = null;
  #unreadAt = 0;

  /** Takes the usage that opens at `at` in `event` for the newest, unread. */
  keep(event: string, at: number): void {
    this.#unread = event;
    this.#unreadAt = at;
  }

  get promptTokens(): number {
    this.#read();
    return this.#prompt;
  }

  set promptTokens(tokens: number) {
    this.#read();
    this.#prompt = tokens;
  }

  get completionTokens(): number {
    this.#read();
    return this.#completion;
  }

  set completionTokens(tokens: number) {
    this.#read();
    this.#completion = tokens;
  }

  get cachedTokens(): number {
    this.#read();
    return this.#cached;
  }

  set cachedTokens(tokens: number) {
    this.#read();
    this.#cached = tokens;
  }

  get from(): MeteredUsage["from"] {
    this.#read();
    return this.#from;
  }

  set from(from: MeteredUsage["from"]) {
    this.#read();
    this.#from = from;
  }

  #read(): void {
    const event = this.#unread;
    if (event === null) return;
    this.#unread = null;
    this.#prompt = numberAfter(event, '"prompt_tokens":', this.#unreadAt) ?? this.#prompt;
    this.#completion = numberAfter(event, '"completion_tokens":', this.#unreadAt) ??
      this.#completion;
    this.#cached = numberAfter(event, '"cached_tokens":', this.#unreadAt) ?? this.#cached;
    this.#from = "running";
  }
}

type Choice = {
  index: number;
  finish_reason: string | null;
  delta: Record<string, unknown> | null;
};

function choicesOf(data: string): Choice[] {
  let chunk: unknown;
  try {
    chunk = JSON.parse(data);
  } catch {
    return [];
  }
  const choices: unknown = field(chunk, "choices");
  if (!Array.isArray(choices)) return [];
  return choices.map((choice: unknown) => {
    const index = field(choice, "index");
    const reason = field(choice, "finish_reason");
    const delta = field(choice, "delta");
    return {
      index: typeof index === "number" ? index : 0,
      finish_reason: typeof reason === "string" ? reason : null,
      delta: typeof delta === "object" && delta !== null ? { ...delta } : null,
    };
  });
}

/** Whether the chunk is more than the opening one that only names the role. */
function carriesContent(data: string): boolean {
  if (!data.includes('"role":"assistant"')) return true;
  return choicesOf(data).some(({ delta, finish_reason: reason }) => {
    if (reason !== null || delta === null) return true;
    return Object.entries(delta).some(([key, value]) =>
      key !== "role" && value !== "" && value !== null
    );
  });
}

/** Cuts the member whose key stands at `at`, with the comma before it (it is never the first). */
function withoutMember(event: string, at: number): string {
  const end = valueEnd(event, at + USAGE.length - 1);
  const start = event.charCodeAt(at - 1) === 0x2c ? at - 1 : at;
  return event.slice(0, start) + event.slice(end);
}

function errorMessage(data: string): string {
  try {
    const message = field(field(JSON.parse(data), "error"), "message");
    if (typeof message === "string" && message !== "") return message;
  } catch {
    // An error that cannot be read is still an error.
  }
  return "the engine failed without saying why";
}

function field(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
