/** Cuts a byte stream of server-sent events into whole events. Source: WHATWG HTML, section 9.2. */

/** A single event larger than this is not something an engine sends. */
export const EVENT_CHARS_MAX = 8_000_000;

/** Thrown when the stream cannot be cut into events. */
export class NotEvents extends Error {
  override readonly name = "NotEvents";
}

/**
 * Holds what has arrived of an unfinished event. `push` answers the events completed by one read, each with the
 * blank line that ends it; their concatenation is what came in, byte for byte.
 */
export class EventSplitter {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #held = "";

  push(bytes: Uint8Array): string[] {
    const text = this.#held + this.#decoder.decode(bytes, { stream: true });
    const events: string[] = [];
    let from = 0;
    for (let end = endOfEvent(text, from); end !== -1; end = endOfEvent(text, from)) {
      events.push(text.slice(from, end));
      from = end;
    }
    this.#held = text.slice(from);
    if (this.#held.length > EVENT_CHARS_MAX) {
      throw new NotEvents(`an event of over ${EVENT_CHARS_MAX} characters`);
    }
    return events;
  }

  /** What is left when the stream ends: an event cut short, or nothing. */
  rest(): string {
    return this.#held + this.#decoder.decode();
  }
}

/** Past the blank line that ends the event starting at `from`, or -1. LF is the rule; CRLF is understood. */
function endOfEvent(text: string, from: number): number {
  const lf = text.indexOf("\n\n", from);
  // Looked for only where it would come first: a read of many events is not searched to its end for each.
  const crlf = (lf === -1 ? text : text.slice(from, lf)).indexOf("\r\n\r\n", lf === -1 ? from : 0);
  if (crlf !== -1) return (lf === -1 ? crlf : from + crlf) + 4;
  return lf === -1 ? -1 : lf + 2;
}

/** The payload of an event's `data:` lines, joined; null for a comment. */
export function dataOf(event: string): string | null {
  if (event.startsWith("data: ") && event.indexOf("\n") === event.length - 2) {
    return event.slice(6, -2);
  }
  const lines = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
  if (lines.length === 0) return null;
  return lines.map((line) => line.slice(line.startsWith("data: ") ? 6 : 5)).join("\n");
}

/** The event's name; null when it has none. */
export function nameOf(event: string): string | null {
  return /^event: ?([^\r\n]*)/m.exec(event)?.[1] ?? null;
}
