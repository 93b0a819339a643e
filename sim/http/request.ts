/** Reads HTTP/1.1 requests out of a byte stream. */

import { Buffer } from "node:buffer";

export const HEADER_BYTES_MAX = 4 * 1024 * 1024;
export const HEADERS_MAX = 256;
/** The Python server has no limit; a simulator in one process needs one. */
export const BODY_BYTES_MAX = 256 * 1024 * 1024;

export type HttpRequest = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case; repeated ones joined by a comma. */
  readonly headers: ReadonlyMap<string, string>;
  readonly keepAlive: boolean;
  readonly http10: boolean;
  readonly body: Buffer;
};

export type Head = Omit<HttpRequest, "body"> & {
  readonly bodyLength: number | "chunked";
  readonly expectsContinue: boolean;
};

/** A request uvicorn would answer with `Invalid HTTP request received.` */
export class BadRequest extends Error {}

/** The head that ends at `end` (where the empty line begins). @throws BadRequest */
export function parseHead(bytes: Buffer, end: number): Head {
  const lines = bytes.toString("latin1", 0, end).split("\r\n");
  const requestLine = /^([A-Z]+) (\S+) HTTP\/1\.([01])$/.exec(lines[0] ?? "");
  if (requestLine === null) throw new BadRequest("request line");
  if (lines.length - 1 > HEADERS_MAX) throw new BadRequest("too many headers");
  const [, method = "", target = "", minor] = requestLine;
  const headers = new Map<string, string>();
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(":");
    if (colon <= 0) throw new BadRequest("header line");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
  }
  const mark = target.indexOf("?");
  const connection = (headers.get("connection") ?? "").toLowerCase();
  const http10 = minor === "0";
  return {
    method,
    path: decode(mark < 0 ? target : target.slice(0, mark)),
    query: new URLSearchParams(mark < 0 ? "" : target.slice(mark + 1)),
    headers,
    keepAlive: http10 ? connection.includes("keep-alive") : !connection.includes("close"),
    http10,
    bodyLength: bodyLength(headers),
    expectsContinue: headers.get("expect")?.toLowerCase() === "100-continue",
  };
}

/** A chunked body at the start of `bytes`: its content and length on the wire, or null while it is incomplete. */
export function readChunked(bytes: Buffer): { body: Buffer; used: number } | null {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return null;
    const size = parseInt(bytes.toString("latin1", at, lineEnd), 16);
    if (!(size >= 0)) throw new BadRequest("chunk size");
    at = lineEnd + 2;
    if (size === 0) {
      const end = bytes.indexOf("\r\n", at);
      return end < 0 ? null : { body: Buffer.concat(parts), used: end + 2 };
    }
    if (bytes.length < at + size + 2) return null;
    parts.push(bytes.subarray(at, at + size));
    at += size + 2;
  }
}

function bodyLength(headers: ReadonlyMap<string, string>): number | "chunked" {
  if ((headers.get("transfer-encoding") ?? "").toLowerCase().includes("chunked")) return "chunked";
  const text = headers.get("content-length") ?? "0";
  const length = Number(text);
  if (!/^\d+$/.test(text) || length > BODY_BYTES_MAX) throw new BadRequest("content-length");
  return length;
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
