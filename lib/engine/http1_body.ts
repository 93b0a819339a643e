/** A body as its connection hears it and its reader takes it: what has come is there at once, without a promise. */
import { ChunkedDecoder } from "./http1_chunked.ts";
import type { Framing } from "./http1_head.ts";
import { readAll, type UpstreamBody, UpstreamCut, UpstreamFailure } from "./upstream.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What waits for its reader before the engine is slowed. */
const UNREAD_BYTES_MAX = 64 * 1024;

/** What a body may do to its connection. */
export type BodyLine = {
  pause(): void;
  resume(): void;
  hangUp(): void;
  /** The reader gave it up: the connection is of no more use. */
  givenUp(reason: unknown): void;
};

export class Http1Body implements UpstreamBody {
  readonly #line: BodyLine;
  readonly #framing: Framing;
  readonly #chunks: ChunkedDecoder | null;
  #left: number;
  #state: "open" | "ended" | "broken" = "open";
  #failure: unknown = null;
  #queue: Bytes[] = [];
  #unread = 0;
  #isPaused = false;
  #waiting: PromiseWithResolvers<Bytes | null> | null = null;

  constructor(framing: Framing, line: BodyLine) {
    this.#framing = framing;
    this.#line = line;
    this.#chunks = framing.kind === "chunked" ? new ChunkedDecoder() : null;
    this.#left = framing.kind === "length" ? framing.bytes : Number.POSITIVE_INFINITY;
    if (framing.kind === "none") this.#state = "ended";
  }

  /** Whether everything of it has come. */
  get isWhole(): boolean {
    return this.#state === "ended";
  }

  /** Hears what came from `from` on and answers where the body stopped: at its end, or with the bytes. Throws UpstreamFailure. */
  hear(bytes: Bytes, from: number): number {
    if (this.#chunks !== null) {
      const to = this.#chunks.decode(bytes, from, bytes.length);
      this.#give(bytes.subarray(this.#chunks.payloadStart, this.#chunks.payloadEnd));
      if (this.#chunks.isDone) this.#end();
      return to;
    }
    const to = Math.min(bytes.length, from + this.#left);
    this.#left -= to - from;
    this.#give(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to));
    if (this.#left === 0) this.#end();
    return to;
  }

  /** The engine closed its side: the end of a body that has no other, a cut in one that has. */
  heardEnd(): void {
    if (this.#framing.kind === "close") this.#end();
    else this.cut(new UpstreamCut("The engine closed inside the body"));
  }

  /** The connection broke: what has come is still read. */
  cut(error: unknown): void {
    if (this.#state !== "open") return;
    this.#state = "broken";
    this.#failure = asCut(error);
    this.#waiting?.reject(this.#failure);
    this.#waiting = null;
  }

  /** Given up from outside: reads throw `reason` at once. */
  drop(reason: unknown): void {
    this.#queue = [];
    this.cut(reason);
  }

  read(): Bytes | null | Promise<Bytes | null> {
    const piece = this.#queue.shift();
    if (piece !== undefined) {
      this.#unread -= piece.length;
      if (this.#unread === 0) this.#goOn();
      return piece;
    }
    if (this.#state === "ended") return null;
    if (this.#state === "broken") return Promise.reject(this.#failure);
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  cancel(): void {
    if (this.#state !== "open") return;
    const reason = new UpstreamCut("The body was given up");
    this.drop(reason);
    this.#line.givenUp(reason);
  }

  hangUp(): void {
    if (this.#state === "open") this.#line.hangUp();
  }

  [Symbol.asyncIterator](): AsyncGenerator<Bytes, void, void> {
    return readAll(this);
  }

  #give(piece: Bytes): void {
    if (piece.length === 0) return;
    if (this.#waiting !== null) {
      this.#waiting.resolve(piece);
      this.#waiting = null;
      return;
    }
    this.#queue.push(piece);
    this.#unread += piece.length;
    if (this.#unread < UNREAD_BYTES_MAX || this.#isPaused) return;
    this.#isPaused = true;
    this.#line.pause();
  }

  #goOn(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#line.resume();
  }

  #end(): void {
    this.#state = "ended";
    this.#goOn(); // for the next exchange of the connection
    this.#waiting?.resolve(null);
    this.#waiting = null;
  }
}

/** A stop asked for from outside keeps its reason; whatever the connection did is a cut. */
function asCut(thrown: unknown): unknown {
  if (thrown instanceof UpstreamCut || !(thrown instanceof UpstreamFailure)) return thrown;
  return new UpstreamCut(thrown.message, thrown);
}
