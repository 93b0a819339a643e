/** One client's connection: its requests in order, one answer at a time. */
import { Buffer } from "node:buffer";
import { Cancel } from "@/lib/kernel/cancel.ts";
import { AppError, asAppError } from "@/lib/kernel/errors.ts";
import { newId } from "@/lib/kernel/ids.ts";
import type { Bytes, Wire, WireEars } from "@/lib/kernel/sockets/wire.ts";
import { decodeAscii } from "@/lib/kernel/utf8.ts";
import { refuse } from "../api.ts";
import { serve } from "../gateway.ts";
import type { InferenceRoute } from "../inference_routes.ts";
import { baseHeaders } from "../reply.ts";
import type { Answer, HeaderLookup, PieceSource } from "../transport.ts";
import { tooLarge } from "../web_transport.ts";
import { answerHead, chunk, LAST_CHUNK, wholeAnswer } from "./answer_bytes.ts";
import type { ClientHome } from "./client_home.ts";
import { handOver } from "./hand_over.ts";
import * as limits from "./limits.ts";
import { HEAD_BYTES_MAX, headText, readRequestHead, type RequestHead } from "./request_head.ts";

type Raw = Buffer<ArrayBuffer>;

const NOTHING: Raw = Buffer.alloc(0);
const LF = 10;

type PlainHead = Extract<RequestHead, { kind: "plain" }>;

export class FrontClient implements WireEars {
  readonly #wire: Wire;
  readonly #home: ClientHome;
  #state: "reading" | "answering" | "handed" | "lingering" | "closed" = "reading";
  /** What came and is not served yet; in `#parts` while a body arrives. */
  #unread: Raw = NOTHING;
  #parts: Raw[] = [];
  #partBytes = 0;
  #head: PlainHead | null = null;
  #looks = 0;
  #keepAlive = true;
  #request: Cancel | null = null;
  #source: PieceSource | null = null;
  #drained: (() => void) | null = null;
  #deadlineMs: number;

  constructor(wire: Wire, home: ClientHome) {
    this.#wire = wire;
    this.#home = home;
    this.#deadlineMs = this.#in(limits.IDLE_MS_MAX);
    wire.listen(this);
  }

  /** Closes what took too long. */
  look(nowMs: number): void {
    if (nowMs >= this.#deadlineMs) this.destroy();
  }

  /** The gateway stops: an idle connection ends, another after its answer. */
  stop(): void {
    this.#keepAlive = false;
    if (this.#state === "reading" && this.#unread.length === 0 && this.#head === null) this.#end();
  }

  /** Closes at once. */
  destroy(): void {
    this.#wire.close();
    this.#closed();
  }

  bytes(bytes: Bytes): void {
    switch (this.#state) {
      case "reading": {
        const more = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
        return this.#head === null ? this.#readHead(more) : this.#readBody(more);
      }
      case "answering":
        if (this.#unread.length + bytes.length <= limits.EARLY_BYTES_MAX) {
          this.#unread = joined(this.#unread, Buffer.from(bytes));
        } else this.#keepAlive = false;
    }
  }

  /**
   * The client closed its side. TCP cannot tell one that only has nothing more to say from one that left; a request
   * nobody waits for keeps a GPU awake, so it is taken for leaving, as nginx and hyper do.
   */
  ended(): void {
    this.destroy();
  }

  broke(): void {
    this.#closed();
  }

  drained(): void {
    if (this.#drained === null) return;
    this.#deadlineMs = Infinity;
    this.#drained();
    this.#drained = null;
  }

  #readHead(bytes: Raw): void {
    const first = this.#unread.length === 0;
    if (first) this.#deadlineMs = this.#in(limits.HEAD_MS_MAX);
    this.#unread = joined(this.#unread, bytes);
    // A head ends with a line; without one nothing can have changed.
    if (!first && this.#unread.length < HEAD_BYTES_MAX && !bytes.includes(LF)) return;
    this.#look();
  }

  #look(): void {
    const unread = this.#unread;
    const text = unread.length <= limits.TEXT_BYTES_MAX ? decodeAscii(unread) : null;
    const head = readRequestHead(text ?? headText(unread));
    switch (head.kind) {
      case "more":
        if (++this.#looks > limits.LOOKS_MAX) this.#bad("a head in too many pieces");
        return;
      case "other":
        return this.#handOver();
      case "bad":
        return this.#bad(head.why);
      case "plain":
        this.#looks = 0;
        this.#begin(head, text);
    }
  }

  /** `text`: of all that is unread, where it is short and ASCII. */
  #begin(head: PlainHead, text: string | null): void {
    const unread = this.#unread;
    if (!head.keepAlive || this.#home.stopping()) this.#keepAlive = false;
    if (head.length > this.#home.api.bodyBytesMax) {
      this.#unread = NOTHING;
      this.#keepAlive = false;
      return this.#serve(head.route, head.headers, null);
    }
    const end = head.bodyStart + head.length;
    if (unread.length >= end) {
      this.#unread = unread.length === end ? NOTHING : unread.subarray(end);
      const body = text?.slice(head.bodyStart, end) ?? unread.subarray(head.bodyStart, end);
      return this.#serve(head.route, head.headers, body);
    }
    this.#head = head;
    this.#unread = NOTHING;
    this.#parts = [unread.subarray(head.bodyStart)];
    this.#partBytes = unread.length - head.bodyStart;
    this.#deadlineMs = this.#in(limits.BODY_PAUSE_MS_MAX);
  }

  #readBody(bytes: Raw): void {
    const head = this.#head;
    if (head === null) return;
    this.#parts.push(bytes);
    this.#partBytes += bytes.length;
    this.#deadlineMs = this.#in(limits.BODY_PAUSE_MS_MAX);
    if (this.#partBytes < head.length) return;
    const whole = Buffer.concat(this.#parts, this.#partBytes);
    this.#parts = [];
    this.#head = null;
    this.#unread = whole.length === head.length ? NOTHING : whole.subarray(head.length);
    this.#serve(head.route, head.headers, whole.subarray(0, head.length));
  }

  /** `body` is null when it is larger than we read. */
  #serve(route: InferenceRoute, headers: HeaderLookup, body: Raw | string | null): void {
    this.#state = "answering";
    this.#deadlineMs = Infinity;
    const request = new Cancel();
    this.#request = request;
    const inbound = {
      headers,
      signal: request,
      body(bytesMax: number) {
        if (body === null) throw tooLarge(bytesMax);
        return body;
      },
    };
    serve(this.#home.api, inbound, route).then(this.#answer).catch(this.#defect);
  }

  /** No frame waits above a stream's own, so that it keeps neither its request nor its head in memory. */
  #answer = ({ status, headers, body, after }: Answer): void | Promise<void> => {
    const { keepAlive, date } = this.#manners();
    if (typeof body !== "string") {
      return this.#stream(body, answerHead({ status, headers, length: null, keepAlive, date }));
    }
    this.#request = null;
    const isTaken = this.#isClosed() ||
      this.#wire.write(wholeAnswer(body, { status, headers, keepAlive, date }));
    after?.();
    return isTaken ? this.#next() : this.#drain().then(() => this.#next());
  };

  async #stream(source: PieceSource, out: string): Promise<void> {
    if (this.#isClosed()) return source.leave();
    const { openStreams } = this.#home.api.metrics;
    openStreams.inc();
    this.#source = source;
    try {
      for (let last = false; !last && !this.#isClosed();) {
        const next = source.next();
        const piece = next instanceof Promise ? await next : next;
        if (this.#isClosed()) return;
        last = piece.last;
        out += chunk(piece.text);
        if (last) {
          out += LAST_CHUNK;
          this.#source = this.#request = null;
        }
        if (out !== "" && !this.#wire.write(out) && !last) await this.#drain();
        out = "";
      }
      this.#next();
    } finally {
      openStreams.dec();
    }
  }

  #defect = (error: unknown): void => {
    this.#home.api.log.error("front_failed", { error: asAppError(error) });
    this.destroy();
  };

  /** A slow client slows the engine; one that takes nothing at all is let go. */
  #drain(): Promise<void> {
    this.#deadlineMs = this.#in(limits.UNREAD_MS_MAX);
    return new Promise((resolve) => this.#drained = resolve);
  }

  #next(): void {
    if (this.#state !== "answering") return;
    this.#request = null;
    if (!this.#keepAlive) return this.#end();
    this.#state = "reading";
    this.#deadlineMs = this.#in(limits.IDLE_MS_MAX);
    if (this.#unread.length === 0) return;
    this.#deadlineMs = this.#in(limits.HEAD_MS_MAX);
    this.#look();
  }

  #bad(why: string): void {
    const { api } = this.#home;
    const requestId = newId("req", api.clock.now());
    const headers = baseHeaders(requestId, "openai", api.demo);
    const error = new AppError("invalid_request", `Cannot read the request: ${why}`);
    const { status, body } = refuse(api, error, "openai", headers, requestId);
    this.#keepAlive = false;
    if (typeof body === "string") {
      this.#wire.write(wholeAnswer(body, { status, headers, ...this.#manners() }));
    }
    this.#end();
  }

  #handOver(): void {
    this.#state = "handed";
    this.#deadlineMs = Infinity;
    handOver(this.#wire, this.#unread, this.#home, () => this.#closed());
    this.#unread = NOTHING;
  }

  /** Closes our side and lets the client close its own; what it still sends is dropped. */
  #end(): void {
    this.#state = "lingering";
    this.#unread = NOTHING;
    this.#deadlineMs = this.#in(limits.LINGER_MS);
    this.#wire.hangUp();
  }

  /** Nothing more comes or goes. */
  #closed(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#unread = NOTHING;
    this.#parts = [];
    const request = this.#request;
    this.#request = null;
    request?.abort(new AppError("client_closed", "The client left"));
    this.#source?.leave();
    this.#source = null;
    this.#drained?.();
    this.#drained = null;
    this.#home.gone(this);
  }

  /** Asked anew after every wait: the socket may have closed meanwhile. */
  #isClosed(): boolean {
    return this.#state === "closed";
  }

  #manners(): { keepAlive: boolean; date: string } {
    if (this.#home.stopping()) this.#keepAlive = false;
    return { keepAlive: this.#keepAlive, date: this.#home.date() };
  }

  #in(ms: number): number {
    return this.#home.api.clock.elapsedMs() + ms;
  }
}

function joined(head: Raw, tail: Raw): Raw {
  return head.length === 0 ? tail : Buffer.concat([head, tail]);
}
