/** The gateway's way to an engine: one HTTP exchange, its body read by read, and an honest word on how it ended. */
import type { CancelSignal } from "@/lib/kernel/cancel.ts";
import type { Millis } from "@/lib/kernel/clock.ts";
import { isFieldValue, isToken } from "@/lib/kernel/http_fields.ts";
import { partsOf } from "./url_parts.ts";

export type UpstreamRequest = {
  /** http or https; the path and query are sent as they stand. Not to be changed once it was sent to. */
  readonly url: URL;
  readonly method: string;
  /**
   * Sent as they are, in order. `host`, `content-length`, `transfer-encoding` and `connection` belong to the client
   * and are refused; `accept-encoding: identity` is added unless one is named.
   */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  /** Held in memory, so that it can be sent again on a new connection. Text is sent as UTF-8. */
  readonly body: Uint8Array<ArrayBuffer> | string | null;
  /** The bytes of a text as UTF-8, where the caller knows them for certain. */
  readonly bodyBytes?: number | null;
  /** Ends the exchange at once, before the headers or inside the body; the reads then throw its reason. */
  readonly signal: CancelSignal;
  readonly connectTimeoutMs: Millis;
  /** From the call until the response's head is complete. */
  readonly headersTimeoutMs: Millis;
};

export type UpstreamResponse = {
  readonly status: number;
  readonly headers: UpstreamHeaders;
  readonly body: UpstreamBody;
};

/** Response header fields; names in lower case, several fields of one name joined by a comma. */
export type UpstreamHeaders = {
  get(name: string): string | null;
  entries(): Iterable<readonly [name: string, value: string]>;
};

/**
 * The payload as it arrives: one item is what one read of the connection gave, never empty. Little is read before it is
 * asked for, so a slow reader slows the engine. One reader; the bytes are the reader's to keep.
 */
export type UpstreamBody = AsyncIterable<Uint8Array<ArrayBuffer>> & {
  /**
   * The next bytes, or null at the clean end; at once when they are there. Rejects with UpstreamCut, or the signal's
   * reason.
   */
  read(): Uint8Array<ArrayBuffer> | null | Promise<Uint8Array<ArrayBuffer> | null>;
  /** Gives the rest up: the connection is closed unless the body is over, and reads throw. Does nothing when repeated. */
  cancel(): void;
  /**
   * Says that nobody listens any more, by closing our side of the connection, and leaves what the engine sends until it
   * notices to be read. Engines take it for a disconnect. Absent where a client cannot.
   */
  hangUp?(): void;
};

/** One process's connections to its engines. */
export type Upstream = {
  /**
   * Sends and resolves with the response's head; any status is a response. Throws UpstreamFailure, the signal's
   * reason, or TypeError for a request that cannot be written. Redirects are answers, never followed.
   */
  send(request: UpstreamRequest): Promise<UpstreamResponse>;
  /** Closes idle connections and refuses new exchanges; running ones end by their own signals. */
  close(): void;
};

/**
 * `unreachable`: no connection, or it broke before an answer. `connect-timeout`, `headers-timeout`: too slow.
 * `malformed`: what came is no HTTP/1.1 we accept. `cut`: the answer began and did not end as it said.
 */
export type UpstreamFailureKind =
  | "unreachable"
  | "connect-timeout"
  | "headers-timeout"
  | "malformed"
  | "cut";

/** No answer, or half of one. The message is for the log: it may name addresses. */
export class UpstreamFailure extends Error {
  override readonly name: string = "UpstreamFailure";
  constructor(readonly kind: UpstreamFailureKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** The body stopped before its end: truncation, which must never look like a clean end to a client. */
export class UpstreamCut extends UpstreamFailure {
  override readonly name = "UpstreamCut";
  constructor(message: string, cause?: unknown) {
    super("cut", message, cause);
  }
}

const ENCODING = "accept-encoding";
const CLIENT_OWNED = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "upgrade",
  "te",
  "trailer",
  "expect",
]);

/** Names found good: those in use are few, and written in our source. */
const SENDABLE = new Set<string>();
const SENDABLE_MAX = 100;

function isSendable(name: string): boolean {
  if (SENDABLE.has(name)) return true;
  if (!isToken(name) || CLIENT_OWNED.has(name.toLowerCase())) return false;
  if (SENDABLE.size < SENDABLE_MAX) SENDABLE.add(name);
  return true;
}

/** Throws TypeError when a request cannot be written faithfully: our own defect, never the engine's. Source: RFC 9110 §5. */
export function checkRequest({ url, method, headers }: UpstreamRequest): void {
  const { problem } = partsOf(url);
  if (problem !== null) throw new TypeError(problem);
  if (!isToken(method)) throw new TypeError(`Cannot send method ${JSON.stringify(method)}`);
  for (const [name, value] of headers) {
    if (!isSendable(name)) {
      throw new TypeError(`Cannot send header ${JSON.stringify(name)}: the client writes its own`);
    }
    if (!isFieldValue(value)) throw new TypeError(`Cannot send header ${name}: forbidden bytes`);
  }
}

/** Whether the caller named an encoding; otherwise plain bytes are asked for, since we forward what we read. */
export function namesEncoding(headers: UpstreamRequest["headers"]): boolean {
  return headers.some(([name]) =>
    name.length === ENCODING.length && name.toLowerCase() === ENCODING
  );
}

/** The `for await` face of a body: leaving the loop early cancels it. */
export async function* readAll(
  body: Pick<UpstreamBody, "read" | "cancel">,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  try {
    for (let piece = await body.read(); piece !== null; piece = await body.read()) yield piece;
  } finally {
    body.cancel();
  }
}

/**
 * Everything that is left of a body of at most `bytesMax` bytes, for small control answers and errors.
 * `complete` is false when there was more; the rest is cancelled.
 */
export async function readWhole(
  body: UpstreamBody,
  bytesMax: number,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; complete: boolean }> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for (let piece = await body.read(); piece !== null; piece = await body.read()) {
    parts.push(piece);
    length += piece.length;
    if (length > bytesMax) break;
  }
  body.cancel();
  const bytes = new Uint8Array(Math.min(length, bytesMax));
  let at = 0;
  for (const part of parts) {
    const room = bytes.length - at;
    bytes.set(part.length > room ? part.subarray(0, room) : part, at);
    at += Math.min(part.length, room);
  }
  return { bytes, complete: length <= bytesMax };
}
