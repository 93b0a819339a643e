/** HTTP/1.1 heads: writing a request's, reading a response's, strictly. Source: RFC 9112. Pure. */
import { Buffer } from "node:buffer";
import { isWholeNumber, readFields } from "@/lib/kernel/http_fields.ts";
import {
  namesEncoding,
  UpstreamFailure,
  type UpstreamHeaders,
  type UpstreamRequest,
} from "./upstream.ts";

/** A head longer than this is refused; engines send a few hundred bytes. */
export const HEAD_BYTES_MAX = 64 * 1024;
const FIELDS_MAX = 128;
/** A body up to this size is copied behind its head, for one write instead of two. */
const JOINED_BODY_BYTES_MAX = 64 * 1024;

const CR = 13;
const LF = 10;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const CLOSES = /(^|,)\s*close\s*(,|$)/i;
const KEPT_FOR = /(?:^|[,\s])timeout=(\d{1,6})/i;
const LENGTH_DIGITS_MAX = 15;
const NOT_ASCII = /[^\t\r\n -~]/;
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
  let head = `${method} ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n`;
  for (const [name, value] of headers) head += `${name}: ${value}\r\n`;
  if (!namesEncoding(headers)) head += "accept-encoding: identity\r\n";
  if (body !== null || BODY_METHODS.has(method)) head += `content-length: ${lengthOf(body)}\r\n`;
  head += "\r\n";
  if (!NOT_ASCII.test(head) && typeof body !== "object") return { head, body };
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  if (bytes === null || bytes.length > JOINED_BODY_BYTES_MAX) {
    return { head: new Uint8Array(Buffer.from(head, "latin1")), body: bytes };
  }
  const joined = new Uint8Array(head.length + bytes.length);
  joined.set(Buffer.from(head, "latin1"));
  joined.set(bytes, head.length);
  return { head: joined, body: null };
}

function lengthOf(body: UpstreamRequest["body"]): number {
  return typeof body === "string" ? Buffer.byteLength(body) : body?.length ?? 0;
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
  const statusLine = STATUS_LINE.exec(text.slice(0, lineEnd));
  if (statusLine === null) throw malformed("the status line is none of HTTP/1.x");
  const headers = readFields(text, lineEnd + 2, text.length, FIELDS_MAX);
  if (headers === "malformed") throw malformed("a bad header field");
  if (headers === "too many") throw malformed(`more than ${FIELDS_MAX} header fields`);
  const status = Number(statusLine[2]);
  const isOld = statusLine[1] === "0";
  return {
    status,
    headers,
    framing: framingOf(status, method, isOld, headers),
    keepAliveMs: isOld ? null : keepAliveMs(headers),
  };
}

/** Latin-1, as the protocol has it: one byte, one character. */
export function latin1(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1");
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
  if (length !== null && !isWholeNumber(length, LENGTH_DIGITS_MAX)) {
    throw malformed("a bad content-length");
  }
  if (coding !== null && (isOld || coding.toLowerCase() !== "chunked")) {
    throw malformed("a transfer coding other than chunked");
  }
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) {
    return { kind: "none" };
  }
  if (coding !== null) return { kind: "chunked" };
  if (length === null) return { kind: "close" };
  return length === "0" ? { kind: "none" } : { kind: "length", bytes: Number(length) };
}

function keepAliveMs(headers: UpstreamHeaders): number | null {
  const connection = headers.get("connection");
  if (connection !== null && CLOSES.test(connection)) return null;
  const kept = headers.get("keep-alive");
  if (kept === null) return Number.POSITIVE_INFINITY;
  const timeoutS = KEPT_FOR.exec(kept)?.[1];
  return timeoutS === undefined ? Number.POSITIVE_INFINITY : Number(timeoutS) * 1_000;
}
