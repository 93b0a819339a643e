/** Answers as HTTP/1.1 writes them. Pure but for the date. Source: RFC 9112. */
import { Buffer } from "node:buffer";
import { assert } from "@/lib/kernel/assert.ts";
import { isFieldValue } from "@/lib/kernel/http_fields.ts";
import type { AnswerHeaders } from "../transport.ts";

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  413: "Payload Too Large",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

export type HeadOptions = {
  readonly status: number;
  readonly headers: AnswerHeaders;
  /** Bytes of the body; null: it is chunked. */
  readonly length: number | null;
  readonly keepAlive: boolean;
  readonly date: string;
};

/** A whole head, its empty line included. Throws for a field that would end it early: our own defect. */
export function answerHead({ status, headers, length, keepAlive, date }: HeadOptions): string {
  let head = `HTTP/1.1 ${status} ${REASONS[status] ?? "Answer"}\r\n`;
  for (const [name, value] of headers) {
    checkValue(name, value);
    head += `${name}: ${value}\r\n`;
  }
  head += length === null ? "transfer-encoding: chunked\r\n" : `content-length: ${length}\r\n`;
  return `${head}date: ${date}\r\n${keepAlive ? "" : "connection: close\r\n"}\r\n`;
}

/** Each name's value that was found good last: most are the same for every answer. The names are ours, and few. */
const GOOD = new Map<string, string>();

function checkValue(name: string, value: string): void {
  if (GOOD.get(name) === value) return;
  assert(isFieldValue(value), "the header's values can be written");
  GOOD.set(name, value);
}

/** A whole answer of text. */
export function wholeAnswer(text: string, options: Omit<HeadOptions, "length">): string {
  return answerHead({ ...options, length: Buffer.byteLength(text) }) + text;
}

/** One chunk; nothing for no text, since an empty chunk would end the body. */
export function chunk(text: string): string {
  return text === "" ? "" : `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

export const LAST_CHUNK = "0\r\n\r\n";
