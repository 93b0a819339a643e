/** One kept-alive connection that sends requests and reads answers with as little work as can be. */
import net from "node:net";
import { nowUs } from "./fast_engine.ts";

export type Answer = {
  status: number;
  /** Payload bytes of the answer. */
  bytes: number;
  /** When its first payload arrived, microseconds since the epoch. */
  firstUs: number;
  /** For each chunk that says when it was sent: how long it took here, microseconds. */
  lagsUs: number[];
  /** When each of those came, µs (Unix). */
  lagsAtUs: number[];
  /** Microseconds between chunks. */
  gapsUs: number[];
  chunks: number;
  /** It ended as a whole stream ends: with `[DONE]`. */
  done: boolean;
  finished: boolean;
  error: boolean;
  usage: boolean;
};

/** What the fast engine is asked to do; see there. */
export type Wish = {
  readonly chunks: number;
  readonly every_ms?: number;
  readonly ttft_ms?: number;
};

const TS = '"ts":"';

/** A client of one connection; one request at a time. */
export class LoadClient {
  #socket: net.Socket | null = null;
  #answer: Answer | null = null;
  #settle: ((answer: Answer) => void) | null = null;
  #held = "";
  #state: "head" | "length" | "size" | "data" = "head";
  #left = 0;
  #line = "";
  #lastUs = 0;
  /** Connections made; more than one means the other side closes them. */
  connections = 0;

  constructor(readonly port: number, readonly host = "127.0.0.1") {}

  /** Sends the bytes of a whole request. Never rejects: a lost connection is an answer of status 0. */
  ask(request: string): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#answer = {
      ...{ status: 0, bytes: 0, firstUs: 0, lagsUs: [], lagsAtUs: [], gapsUs: [], chunks: 0 },
      ...{ done: false, finished: false, error: false, usage: false },
    };
    this.#settle = resolve;
    this.#held = this.#line = "";
    this.#state = "head";
    this.#lastUs = 0;
    if (this.#socket === null) this.#connect(request);
    else this.#socket.write(request, "latin1");
    return promise;
  }

  /** Leaves: in the middle of an answer, or between two. */
  hangUp(): void {
    this.#socket?.destroy();
    this.#socket = null;
    this.#end();
  }

  get chunksSoFar(): number {
    return this.#answer?.chunks ?? 0;
  }

  #connect(request: string): void {
    this.connections++;
    const socket = net.connect({ port: this.port, host: this.host, noDelay: true });
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("connect", () => socket.write(request, "latin1"));
    socket.on("data", (text: string) => this.#socket === socket && this.#read(text));
    const lost = () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#end();
    };
    socket.on("error", lost);
    socket.on("close", lost);
  }

  #end(): void {
    const answer = this.#answer;
    this.#answer = null;
    if (answer !== null) this.#settle?.(answer);
  }

  #read(text: string): void {
    let held = this.#held + text;
    for (;;) {
      const answer = this.#answer;
      if (answer === null) break;
      if (this.#state === "head") {
        const end = held.indexOf("\r\n\r\n");
        if (end < 0) break;
        const head = held.slice(0, end);
        held = held.slice(end + 4);
        answer.status = Number(head.slice(9, 12));
        const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
        this.#state = length === undefined ? "size" : "length";
        this.#left = Number(length ?? 0);
        if (length === "0") this.#end();
      } else if (this.#state === "length") {
        answer.bytes += held.length;
        answer.firstUs ||= nowUs();
        this.#left -= held.length;
        held = "";
        if (this.#left <= 0) {
          answer.finished = answer.status === 200;
          this.#end();
        }
        break;
      } else if (this.#state === "size") {
        const end = held.indexOf("\r\n");
        if (end < 0) break;
        this.#left = Number.parseInt(held.slice(0, end), 16);
        if (this.#left === 0) {
          if (held.length < end + 4) break;
          held = held.slice(end + 4);
          this.#state = "head";
          this.#end();
          continue;
        }
        held = held.slice(end + 2);
        this.#state = "data";
      } else {
        const piece = held.slice(0, this.#left);
        this.#payload(answer, piece);
        this.#left -= piece.length;
        held = held.slice(piece.length);
        if (this.#left > 0) break;
        if (held.length < 2) break;
        held = held.slice(2);
        this.#state = "size";
      }
    }
    this.#held = held;
  }

  #payload(answer: Answer, piece: string): void {
    const atUs = nowUs();
    answer.bytes += piece.length;
    const text = this.#line + piece;
    const end = text.lastIndexOf("\n") + 1;
    this.#line = text.slice(end);
    for (let at = text.indexOf(TS); at >= 0 && at < end; at = text.indexOf(TS, at + 1)) {
      const sentUs = Number(text.slice(at + TS.length, text.indexOf('"', at + TS.length)));
      answer.firstUs ||= atUs;
      answer.lagsUs.push(atUs - sentUs);
      answer.lagsAtUs.push(atUs);
      if (this.#lastUs > 0) answer.gapsUs.push(atUs - this.#lastUs);
      this.#lastUs = atUs;
      answer.chunks++;
    }
    if (text.includes('"finish_reason":"stop"')) answer.finished = true;
    if (text.includes("data: [DONE]")) answer.done = true;
    if (text.includes('"usage":{')) answer.usage = true;
    if (text.includes('"error"')) answer.error = true;
  }
}

/** The bytes of a chat request; `bench` says what the fast engine should do. */
export function chatRequest(
  { host, key, stream, bench, headers = {}, bodyBytes = 1_024 }: {
    host: string;
    key: string | null;
    stream: boolean;
    bench: Wish;
    headers?: Readonly<Record<string, string>> | undefined;
    bodyBytes?: number;
  },
): string {
  const rest = {
    model: "m",
    stream,
    ...(stream ? { stream_options: { include_usage: true } } : {}),
  };
  const bare = JSON.stringify({ ...rest, bench, messages: [{ role: "user", content: "" }] });
  const content = "rivers run ".repeat(Math.max(1, Math.ceil((bodyBytes - bare.length) / 11)))
    .slice(0, Math.max(1, bodyBytes - bare.length));
  const body = JSON.stringify({ ...rest, bench, messages: [{ role: "user", content }] });
  const authorization = key === null ? "" : `authorization: Bearer ${key}\r\n`;
  const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `POST /v1/chat/completions HTTP/1.1\r\nhost: ${host}\r\n${more}content-type: application/json\r\n${authorization}content-length: ${body.length}\r\n\r\n${body}`;
}
