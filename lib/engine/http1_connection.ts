/** One HTTP/1.1 connection to an engine: it serves one exchange at a time and knows when it may serve another. */
import type { Bytes, Wire, WireEars } from "@/lib/kernel/sockets/wire.ts";
import { latin1 } from "@/lib/kernel/utf8.ts";
import { Http1Body } from "./http1_body.ts";
import {
  HEAD_BYTES_MAX,
  headEnd,
  malformed,
  parseResponseHead,
  type RequestMessage,
  type ResponseHead,
} from "./http1_head.ts";

import { UpstreamFailure } from "./upstream.ts";

const INTERIM_HEADS_MAX = 8;

/** What a connection tells its pool. */
export type ConnectionHome = {
  /** It is whole again and may serve the next exchange within `forMs`. */
  rest(connection: Http1Connection, forMs: number): void;
  /** It is closed. */
  lost(connection: Http1Connection): void;
};

/** Who waits for an answer on a connection. */
export type Asker = {
  readonly method: string;
  answered(head: ResponseHead, body: Http1Body): void;
  /** No answer will come. UpstreamFailure, or what `fail` was given. */
  failed(reason: unknown): void;
  /** The exchange is over, its body whole, cut or given up; after `answered` only. */
  over(): void;
};

export class Http1Connection implements WireEars {
  /** Whether a byte of the present exchange's answer has come: it must not be sent again. */
  sawByte = false;
  isClosed = false;
  readonly #wire: Wire;
  readonly #home: ConnectionHome;
  #asker: Asker | null = null;
  /** What the present answer's head said of the connection's future; null: it has none. */
  #keepAliveMs: number | null = null;
  #body: Http1Body | null = null;
  #held: Bytes | null = null;
  #interims = 0;

  constructor(wire: Wire, home: ConnectionHome) {
    this.#wire = wire;
    this.#home = home;
    wire.listen(this);
  }

  /** Sends a request; its asker hears the rest. */
  begin(message: RequestMessage, asker: Asker): void {
    this.sawByte = false;
    this.#interims = 0;
    this.#asker = asker;
    const { head, body } = message;
    if (typeof head === "string" && typeof body === "string") this.#wire.write(head + body);
    else {
      this.#wire.write(head);
      if (body !== null) this.#wire.write(body);
    }
  }

  /** Closes at once; whoever waits hears `reason`. */
  fail(reason: unknown): void {
    this.#close((body) => body.drop(reason), reason);
  }

  bytes(bytes: Bytes): void {
    try {
      if (this.#body !== null) this.#hearBody(this.#body, bytes, 0);
      else if (this.#asker !== null) this.#hearHead(this.#asker, bytes);
      else this.fail(new UpstreamFailure("unreachable", "It spoke before it was asked"));
    } catch (thrown) {
      this.#close((body) => body.cut(thrown), thrown);
    }
  }

  ended(): void {
    const reason = new UpstreamFailure("unreachable", "The engine closed before it answered");
    this.#close((body) => body.heardEnd(), reason);
  }

  broke(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const reason = new UpstreamFailure("unreachable", message, error);
    this.#close((body) => body.cut(reason), reason);
  }

  pause(): void {
    this.#wire.pause();
  }

  resume(): void {
    if (!this.isClosed) this.#wire.resume();
  }

  hangUp(): void {
    if (!this.isClosed) this.#wire.hangUp();
  }

  givenUp(reason: unknown): void {
    this.fail(reason);
  }

  #hearHead(asker: Asker, more: Bytes): void {
    this.sawByte = true;
    const known = this.#held?.length ?? 0;
    const bytes = this.#held === null ? more : joined(this.#held, more);
    this.#held = null;
    for (let from = 0, scanned = Math.max(3, known);;) {
      const end = headEnd(bytes, scanned, bytes.length);
      if (end < 0) {
        if (bytes.length - from > HEAD_BYTES_MAX) {
          throw malformed(`a head over ${HEAD_BYTES_MAX} bytes`);
        }
        this.#held = from === 0 ? bytes : bytes.subarray(from);
        return;
      }
      const head = parseResponseHead(latin1(bytes, from, end - 4), asker.method);
      if (head.status === 101) throw malformed("a switch of protocols nobody asked for");
      if (head.status >= 200) return this.#begin(asker, head, bytes, end);
      if (++this.#interims > INTERIM_HEADS_MAX) {
        throw malformed(`more than ${INTERIM_HEADS_MAX} interim answers`);
      }
      from = end;
      scanned = end + 3;
    }
  }

  #begin(asker: Asker, head: ResponseHead, bytes: Bytes, bodyStart: number): void {
    this.#keepAliveMs = head.keepAliveMs;
    const body = new Http1Body(head.framing, this);
    this.#body = body;
    asker.answered(head, body);
    this.#hearBody(body, bytes, bodyStart);
  }

  #hearBody(body: Http1Body, bytes: Bytes, from: number): void {
    const to = from < bytes.length && !body.isWhole ? body.hear(bytes, from) : from;
    if (!body.isWhole) return;
    const [asker, forMs] = [this.#asker, this.#keepAliveMs];
    this.#asker = this.#body = null;
    asker?.over();
    if (to === bytes.length && forMs !== null && !this.#wire.isWriting && !this.isClosed) {
      this.#home.rest(this, forMs);
    } else this.fail(new UpstreamFailure("unreachable", "Not kept for another exchange"));
  }

  #close(tell: (body: Http1Body) => void, reason: unknown): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#wire.close();
    this.#home.lost(this);
    const [asker, body] = [this.#asker, this.#body];
    this.#asker =
      this.#body =
      this.#held =
        null;
    if (body !== null) tell(body);
    if (body === null) asker?.failed(reason);
    else asker?.over();
  }
}

function joined(head: Bytes, tail: Bytes): Bytes {
  const both = new Uint8Array(head.length + tail.length);
  both.set(head);
  both.set(tail, head.length);
  return both;
}
