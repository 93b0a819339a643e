/**
 * Reads the head of a request that came over a plain socket, strictly. Three ways lead on: a plain POST to an
 * inference route is ours, whatever else is the full server's, and what two readers could frame differently is
 * nobody's. Source: RFC 9112. Pure.
 */
import { type HttpFields, readFields, wholeNumber } from "@/lib/kernel/http_fields.ts";
import { latin1 } from "@/lib/kernel/utf8.ts";
import { INFERENCE_ROUTES, type InferenceRoute } from "../inference_routes.ts";
import type { HeaderLookup } from "../transport.ts";

/** The request line and all fields; longer heads are the full server's to refuse. */
export const HEAD_BYTES_MAX = 32_768;
const FIELDS_MAX = 100;
/** Two of one of these, and readers may choose differently. */
const ONCE = ["content-length", "host"];
/** Most heads end within so many bytes: no more of a long body is made text. */
const FIRST_BYTES = 1_024;
const HEAD_END = "\r\n\r\n";
const BODY_DIGITS_MAX = 15;

/** By the line that asks for it; compared one by one, because text that was just read has no hash yet. */
const ROUTES = INFERENCE_ROUTES.map((route) => ({
  line: `POST ${route.path} HTTP/1.1\r\n`,
  route,
}));
const METHOD_START = /^[A-Z]/;

export type RequestHead =
  /** Not whole yet. */
  | { kind: "more" }
  /** Ours: `bodyStart` bytes of head, then `length` bytes of body. */
  | {
    kind: "plain";
    route: InferenceRoute;
    headers: HeaderLookup;
    bodyStart: number;
    length: number;
    keepAlive: boolean;
  }
  /** The full server's. */
  | { kind: "other" }
  /** Framed in a way that must not be guessed at. */
  | { kind: "bad"; why: string };

const MORE: RequestHead = { kind: "more" };
const OTHER: RequestHead = { kind: "other" };

/** What of `bytes` may be a head: all up to its end, and not the body behind it. One byte, one character. */
export function headText(bytes: Uint8Array): string {
  const first = latin1(bytes, 0, Math.min(bytes.length, FIRST_BYTES));
  const isAll = bytes.length <= FIRST_BYTES;
  const end = first.indexOf(HEAD_END);
  if (end !== -1) return first.slice(0, end + HEAD_END.length);
  return isAll ? first : upToEnd(latin1(bytes, 0, Math.min(bytes.length, HEAD_BYTES_MAX)));
}

function upToEnd(text: string): string {
  const end = text.indexOf(HEAD_END);
  return end === -1 ? text : text.slice(0, end + HEAD_END.length);
}

function routeOf(text: string): InferenceRoute | null {
  for (const { line, route } of ROUTES) if (text.startsWith(line)) return route;
  return null;
}

/** Reads the head at the start of `text`, which is Latin-1: one byte, one character. */
export function readRequestHead(text: string): RequestHead {
  const end = text.indexOf(HEAD_END);
  if (end === -1 || end + HEAD_END.length > HEAD_BYTES_MAX) return unfinished(text);
  const route = routeOf(text);
  if (route === null) return OTHER;
  const lineEnd = text.indexOf("\r\n");
  const fields = readFields(text, lineEnd + 2, end, FIELDS_MAX);
  if (fields === "too many") return OTHER;
  if (fields === "malformed") return bad("a malformed header field");
  return judge(route, fields, end + HEAD_END.length);
}

function judge(route: InferenceRoute, fields: HttpFields, bodyStart: number): RequestHead {
  for (const name of ONCE) if (fields.countOf(name) > 1) return bad(`${name} given twice`);
  const length = fields.get("content-length");
  const coding = fields.get("transfer-encoding");
  if (length !== null && coding !== null) {
    return bad("both content-length and transfer-encoding");
  }
  if (fields.get("host") === null) return bad("no host");
  if (coding !== null && coding.toLowerCase() !== "chunked") {
    return bad("a transfer coding other than chunked");
  }
  if (length === null || fields.get("expect") !== null || fields.get("upgrade") !== null) {
    return OTHER;
  }
  const bodyBytes = wholeNumber(length, BODY_DIGITS_MAX);
  if (bodyBytes === null) return bad("a bad content-length");
  const connection = fields.get("connection")?.toLowerCase() ?? "";
  if (connection !== "" && connection !== "keep-alive" && connection !== "close") return OTHER;
  return {
    kind: "plain",
    route,
    headers: fields,
    bodyStart,
    length: bodyBytes,
    keepAlive: connection !== "close",
  };
}

/** What cannot become a request of ours is handed on once its head ends, however it does; garbage at once. */
function unfinished(text: string): RequestHead {
  if (text.length >= HEAD_BYTES_MAX || !METHOD_START.test(text)) return OTHER;
  return text.includes("\n\n") || text.includes("\n\r\n") ? OTHER : MORE;
}

function bad(why: string): RequestHead {
  return { kind: "bad", why };
}
