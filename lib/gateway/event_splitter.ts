/** Cuts a byte stream of server-sent events into whole events. Source: WHATWG HTML, section 9.2. */

/** A single event larger than this is not something an engine sends. */
export const EVENT_BYTES_MAX = 8_000_000;

const LF = 10;
/** Shared: it is never given part of a character, so it remembers nothing. */
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Thrown when the stream cannot be cut into events. */
export class NotEvents extends Error {
  override readonly name = "NotEvents";
}

/**
 * Holds what has arrived of an unfinished event. `push` answers the events completed by one read, each with the
 * blank line that ends it; their concatenation is what came in, byte for byte.
 */
export class EventSplitter {
  /** Whole lines of an unfinished event, and the bytes of an unfinished line: no character goes past a line's end. */
  #held = "";
  #line: Uint8Array[] = [];
  #lineBytes = 0;

  push(bytes: Uint8Array): string[] {
    const lineEnd = bytes.lastIndexOf(LF) + 1;
    if (lineEnd === 0) {
      this.#hold(bytes);
      return [];
    }
    const text = this.#text(lineEnd === bytes.length ? bytes : bytes.subarray(0, lineEnd));
    if (lineEnd < bytes.length) this.#hold(bytes.subarray(lineEnd));
    const hasReturns = text.includes("\r");
    const events: string[] = [];
    let from = 0;
    for (
      let end = endOfEvent(text, from, hasReturns);
      end !== -1;
      end = endOfEvent(text, from, hasReturns)
    ) {
      events.push(from === 0 && end === text.length ? text : text.slice(from, end));
      from = end;
    }
    this.#held = from === text.length ? "" : text.slice(from);
    return events;
  }

  /** What is left when the stream ends: an event cut short, or nothing. */
  rest(): string {
    return this.#text(new Uint8Array());
  }

  #hold(bytes: Uint8Array): void {
    this.#line.push(bytes);
    this.#lineBytes += bytes.length;
    if (this.#lineBytes + this.#held.length > EVENT_BYTES_MAX) {
      throw new NotEvents(`an event of over ${EVENT_BYTES_MAX} bytes`);
    }
  }

  /** Everything held and `more`, which ends a line or the stream. */
  #text(more: Uint8Array): string {
    const held = this.#held;
    if (held.length + more.length > EVENT_BYTES_MAX && held !== "") {
      throw new NotEvents(`an event of over ${EVENT_BYTES_MAX} bytes`);
    }
    if (this.#lineBytes === 0) return held + UTF8.decode(more);
    const whole = new Uint8Array(this.#lineBytes + more.length);
    let at = 0;
    for (const part of [...this.#line, more]) {
      whole.set(part, at);
      at += part.length;
    }
    this.#line = [];
    this.#lineBytes = 0;
    return held + UTF8.decode(whole);
  }
}

/** Past the blank line that ends the event starting at `from`, or -1. LF is the rule; CRLF is understood. */
function endOfEvent(text: string, from: number, hasReturns: boolean): number {
  const lf = text.indexOf("\n\n", from);
  if (!hasReturns) return lf === -1 ? -1 : lf + 2;
  // Looked for only where it would end first: a read of many events is not searched to its end for each.
  const before = lf === -1 ? text : text.slice(0, lf + 1);
  const crlf = before.indexOf("\r\n\r\n", from);
  if (crlf !== -1) return crlf + 4;
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
