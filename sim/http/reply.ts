/** One HTTP answer, written as uvicorn writes it, with the means to break it on purpose. */

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";

export type HeaderList = readonly (readonly [name: string, value: string])[];

const REASONS: Record<number, string> = {
  200: "OK",
  202: "Accepted",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  413: "Request Entity Too Large",
  422: "Unprocessable Entity",
  429: "Too Many Requests",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** The phrase Python's `HTTPStatus` has for a code. */
export function reasonOf(status: number): string {
  return REASONS[status] ?? "";
}

export type Reply = {
  /** Set before the head is written: added at the end of every head. */
  readonly extraHeaders: [string, string][];
  /** The status once the head is written, else 0. */
  readonly status: number;
  readonly bytes: number;
  readonly closed: boolean;
  /** A whole answer. The body is JSON unless another content type, or null for none, is given. */
  send(status: number, body: string, contentType?: string | null, headers?: HeaderList): void;
  /** Writes the head of a stream at once. */
  start(contentType: string): void;
  /** Adds to what the next {@link flush} writes as one chunk on the wire per call of `write`. */
  write(text: string): void;
  flush(): void;
  /** Ends a stream cleanly. */
  end(): void;
  /** Whether the socket holds bytes the client has not taken. */
  lagging(): boolean;
  /** The head of a whole answer and only the first `chars` of its body. */
  half(status: number, body: string, chars: number): void;
  /** Closes the connection without ending the answer. */
  cut(): void;
  /** Closes it with a TCP reset. */
  reset(): void;
  /** Calls `fn` once if the client leaves before the answer has ended. */
  onLeave(fn: () => void): void;
  /** Calls `fn` once when the answer is over, however it ended. */
  onEnd(fn: () => void): void;
};

/** What the server keeps of an answer. */
export type ReplyControl = {
  readonly reply: Reply;
  /** Says that the client has gone. */
  left(): void;
};

/** An answer on `socket`; `ended` is called when the connection is free for the next request. */
export function openReply(
  socket: Socket,
  date: () => string,
  keepAlive: boolean,
  http10: boolean,
  ended: () => void,
): ReplyControl {
  const extraHeaders: [string, string][] = [];
  const leavers: (() => void)[] = [];
  const enders: (() => void)[] = [];
  let status = 0;
  let bytes = 0;
  let pending = "";
  let over = false;
  let gone = false;

  const head = (code: number, headers: HeaderList): string => {
    status = code;
    let text = `HTTP/1.1 ${code} ${reasonOf(code)}\r\ndate: ${date()}\r\nserver: uvicorn\r\n`;
    for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
    for (const [name, value] of extraHeaders) text += `${name}: ${value}\r\n`;
    if (!keepAlive) text += "connection: close\r\n";
    return `${text}\r\n`;
  };
  const close = () => {
    over = true;
    for (const fn of enders) fn();
  };
  const finish = () => {
    close();
    if (!keepAlive) socket.end();
    else ended();
  };
  const reply: Reply = {
    extraHeaders,
    get status() {
      return status;
    },
    get bytes() {
      return bytes;
    },
    get closed() {
      return gone || over;
    },
    send(code, body, contentType = "application/json", headers = []) {
      if (gone || over) return;
      const length = Buffer.byteLength(body);
      bytes += length;
      const own: [string, string][] = [["content-length", String(length)]];
      if (contentType !== null) own.push(["content-type", contentType]);
      socket.write(head(code, [...headers, ...own]) + body);
      finish();
    },
    half(code, body, chars) {
      if (gone || over) return;
      const own: [string, string][] = [
        ["content-length", String(Buffer.byteLength(body))],
        ["content-type", "application/json"],
      ];
      pending = head(code, own) + body.slice(0, chars);
    },
    start(contentType) {
      if (gone || over) return;
      const own: [string, string][] = [["content-type", contentType]];
      if (http10) keepAlive = false;
      else own.push(["transfer-encoding", "chunked"]);
      socket.write(head(200, own));
    },
    write(text) {
      if (gone || over) return;
      const length = Buffer.byteLength(text);
      bytes += length;
      pending += http10 ? text : `${length.toString(16)}\r\n${text}\r\n`;
    },
    flush() {
      if (gone || over || pending === "") return;
      socket.write(pending);
      pending = "";
    },
    end() {
      if (gone || over) return;
      socket.write(http10 ? pending : `${pending}0\r\n\r\n`);
      pending = "";
      finish();
    },
    lagging: () => socket.writableNeedDrain,
    cut() {
      if (gone || over) return;
      close();
      const last = pending;
      pending = "";
      if (last === "") socket.destroy();
      else socket.write(last, () => socket.destroy());
    },
    reset() {
      if (gone || over) return;
      close();
      const last = pending;
      pending = "";
      if (last === "") socket.resetAndDestroy();
      else socket.write(last, () => socket.resetAndDestroy());
    },
    onLeave(fn) {
      if (gone) fn();
      else leavers.push(fn);
    },
    onEnd(fn) {
      if (gone || over) fn();
      else enders.push(fn);
    },
  };
  return {
    reply,
    left() {
      if (gone || over) return;
      gone = true;
      for (const fn of leavers) fn();
      for (const fn of enders) fn();
    },
  };
}
