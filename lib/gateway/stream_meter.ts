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

/** The number after `"name":` in `text` from `from`, or null. */
export function numberAfter(text: string, name: string, from = 0): number | null {
  const key = `"${name}":`;
  const at = text.indexOf(key, from);
  if (at === -1) return null;
  const value = parseInt(text.slice(at + key.length, at + key.length + 17), 10);
  return Number.isSafeInteger(value) && value >= 0 ? value : null;
}
