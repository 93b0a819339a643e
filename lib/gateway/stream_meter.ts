/** What a meter tells of a stream while it passes: what to forward, what was used, and whether it ended well. */

/** Where a count comes from, best first: the engine's final figure, its running figure, our count of chunks. */
export type CountedBy = "engine" | "running" | "chunks" | "none";

export type MeteredUsage = {
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
  from: CountedBy;
};

/** What to do with one event. */
export type EventReading =
  /** Send it. `content`: it carries something of the answer, so from here on no other machine can take over. */
  | { kind: "forward"; text: string; content: boolean }
  /** Keep it: it is ours alone (forced usage), or the end marker, which is sent only after a verdict. */
  | { kind: "drop" }
  /** The engine said that it failed, or sent what no engine sends. */
  | { kind: "failure"; message: string };

/** Reads the events of one answer, in order. Pure but for its own memory. */
export type StreamMeter = {
  read(event: string): EventReading;
  readonly usage: MeteredUsage;
  /** Whether everything that was asked for came to its end. */
  finished(): boolean;
  readonly finishReason: string | null;
  /** What ends a whole stream, sent once the verdict is "complete"; empty where the last event says it. */
  readonly endMarker: string;
};

export const DROP: EventReading = { kind: "drop" };

/** Replaces the value of the first `"model":"…"`; a quote inside a JSON string is always escaped, so it is the member. */
export function renameFirstModel(event: string, publicModel: string): string {
  const key = '"model":"';
  const at = event.indexOf(key);
  if (at === -1) return event;
  const start = at + key.length;
  if (
    event.startsWith(publicModel, start) && event.charCodeAt(start + publicModel.length) === 0x22
  ) return event;
  const end = event.indexOf('"', start);
  if (end === -1) return event;
  return event.slice(0, start) + JSON.stringify(publicModel).slice(1, -1) + event.slice(end);
}

/** The whole number after the first `key`, written `"name":`, in `text` from `from`; null where there is none. */
export function numberAfter(text: string, key: string, from = 0): number | null {
  const found = text.indexOf(key, from);
  if (found === -1) return null;
  let at = found + key.length;
  while (isBlank(text.charCodeAt(at))) at++;
  const start = at;
  let value = 0;
  for (let digit = digitAt(text, at); digit !== -1; digit = digitAt(text, ++at)) {
    value = value * 10 + digit;
  }
  return at > start && Number.isSafeInteger(value) ? value : null;
}

/** The digit that stands at `at`, or -1. */
function digitAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39 ? code - 0x30 : -1;
}

const isBlank = (code: number): boolean => code === 0x20 || (code >= 0x09 && code <= 0x0d);
