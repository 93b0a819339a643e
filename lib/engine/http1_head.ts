/** HTTP/1.1 heads: writing a request's, reading a response's, strictly. Source: RFC 9112. Pure. */
import { Buffer } from "node:buffer";
import { isAscii, isFieldValue, readFields, wholeNumber, ZERO } from "@/lib/kernel/http_fields.ts";
import {
  namesEncoding,
  UpstreamFailure,
  type UpstreamHeaders,
  type UpstreamRequest,
} from "./upstream.ts";
import { partsOf } from "./url_parts.ts";

/** A head longer than this is refused; engines send a few hundred bytes. */
export const HEAD_BYTES_MAX = 64 * 1024;
const FIELDS_MAX = 128;
/** A body up to this size is copied behind its head, for one write instead of two. */
const JOINED_BODY_BYTES_MAX = 64 * 1024;

const CR = 13;
const LF = 10;
const VERSION = "HTTP/1.";
const STATUS_AT = "HTTP/1.1 ".length;
const STATUS_END = "HTTP/1.1 200".length;
const SPACE = 0x20;
const CLOSES = /(^|,)\s*close\s*(,|$)/i;
const KEPT_FOR = /(?:^|[,\s])timeout=(\d{1,6})/i;
const LENGTH_DIGITS_MAX = 15;
const BODY_METHODS = new Set(["POST", "PUT", "PATCH"]);

/** How the end of a response's body is told. */
export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" }
  /** It ends with the connection. */
  | { readonly kind: "close" };

export type ResponseHead = {
  readonly status: number;
  readonly headers: UpstreamHeaders;
  readonly framing: Framing;
  /** How long the server keeps the connection for the next request; null: it does not. */
  readonly keepAliveMs: number | null;
};

/** A request as it is written: text where it is text, so that the system's encoder is the only one. */
export type RequestMessage = {
  readonly head: string | Uint8Array<ArrayBuffer>;
  readonly body: string | Uint8Array<ArrayBuffer> | null;
};

/** Writes a request; its head becomes bytes where UTF-8 would write it otherwise than Latin-1. */
export function encodeRequest(request: UpstreamRequest): RequestMessage {
  const { url, method, headers, body } = request;
  const { target, host } = partsOf(url);
  let head = `${method} ${target} HTTP/1.1\r\nhost: ${host}\r\n`;
  let isPlain = true;
  for (const [name, value] of headers) {
    head += `${name}: ${value}\r\n`;
    isPlain &&= isAscii(value); // names are tokens, and so are methods
  }
  if (!namesEncoding(headers)) head += "accept-encoding: identity\r\n";
  if (body !== null || BODY_METHODS.has(method)) head += `content-length: ${lengthOf(request)}\r\n`;
  head += "\r\n";
  if (isPlain && typeof body !== "object") return { head, body };
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  if (bytes === null || bytes.length > JOINED_BODY_BYTES_MAX) {
    return { head: new Uint8Array(Buffer.from(head, "latin1")), body: bytes };
  }
  const joined = new Uint8Array(head.length + bytes.length);
  joined.set(Buffer.from(head, "latin1"));
  joined.set(bytes, head.length);
  return { head: joined, body: null };
}

function lengthOf({ body, bodyBytes }: UpstreamRequest): number {
  if (typeof body !== "string") return body?.length ?? 0;
  return bodyBytes ?? Buffer.byteLength(body);
}

/** The index after the empty line that ends a head, or -1. Looks no further back than `from`. */
export function headEnd(bytes: Uint8Array, from: number, to: number): number {
  for (let i = from; i < to; i++) {
    if (bytes[i] === LF && bytes[i - 1] === CR && bytes[i - 2] === LF && bytes[i - 3] === CR) {
      return i + 1;
    }
  }
  return -1;
}

/**
 * Reads a response's head, its closing empty line left off. Throws UpstreamFailure `malformed` for anything two
 * readers might understand differently: folded or nameless fields, bare line ends, both framings at once.
 */
export function parseResponseHead(text: string, method: string): ResponseHead {
  const firstEnd = text.indexOf("\r\n");
  const lineEnd = firstEnd === -1 ? text.length : firstEnd;
  const line = text.slice(0, lineEnd);
  const status = statusOf(line);
  if (status === null) throw malformed("the status line is none of HTTP/1.x");
  const headers = readFields(text, lineEnd + 2, text.length, FIELDS_MAX);
  if (headers === "malformed") throw malformed("a bad header field");
  if (headers === "too many") throw malformed(`more than ${FIELDS_MAX} header fields`);
  const isOld = line.charCodeAt(VERSION.length) === ZERO;
  return {
    status,
    headers,
    framing: framingOf(status, method, isOld, headers),
    keepAliveMs: isOld ? null : keepAliveMs(headers),
  };
}

/** `HTTP/1.0` or `HTTP/1.1`, three digits, and words that may be missing; null for any other line. */
function statusOf(line: string): number | null {
  const minor = line.charCodeAt(VERSION.length) - ZERO;
  if (!line.startsWith(VERSION) || (minor !== 0 && minor !== 1)) return null;
  if (line.charCodeAt(STATUS_AT - 1) !== SPACE) return null;
  const isMore = line.length > STATUS_END;
  if (isMore && (line.charCodeAt(STATUS_END) !== SPACE || !isFieldValue(line))) return null;
  const status = wholeNumber(line.slice(STATUS_AT, STATUS_END), 3);
  return status === null || status < 100 ? null : status;
}

export function malformed(what: string): UpstreamFailure {
  return new UpstreamFailure("malformed", `The engine sent what is no HTTP: ${what}`);
}

/** Source: RFC 9112 §6.3. Where it lets a client choose, this one refuses. */
function framingOf(
  status: number,
  method: string,
  isOld: boolean,
  headers: UpstreamHeaders,
): Framing {
  const length = headers.get("content-length");
  const coding = headers.get("transfer-encoding");
  if (length !== null && coding !== null) throw malformed("both a length and a transfer coding");
  const bytes = length === null ? 0 : wholeNumber(length, LENGTH_DIGITS_MAX);
  if (bytes === null) throw malformed("a bad content-length");
  if (coding !== null && (isOld || coding.toLowerCase() !== "chunked")) {
    throw malformed("a transfer coding other than chunked");
  }
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) {
    return { kind: "none" };
  }
  if (coding !== null) return { kind: "chunked" };
  if (length === null) return { kind: "close" };
  return bytes === 0 ? { kind: "none" } : { kind: "length", bytes };
}

function keepAliveMs(headers: UpstreamHeaders): number | null {
  const connection = headers.get("connection");
  if (connection !== null && CLOSES.test(connection)) return null;
  const kept = headers.get("keep-alive");
  if (kept === null) return Number.POSITIVE_INFINITY;
  const timeoutS = KEPT_FOR.exec(kept)?.[1];
  return timeoutS === undefined ? Number.POSITIVE_INFINITY : Number(timeoutS) * 1_000;
}
