/** One HTTP/1.1 connection to an engine: it serves one exchange at a time and knows when it may serve another. */
import { ChunkedDecoder } from "./http1_chunked.ts";
import {
  type Framing,
  HEAD_BYTES_MAX,
  headEnd,
  latin1,
  malformed,
  parseResponseHead,
  type ResponseHead,
} from "./http1_head.ts";
import { readAll, type UpstreamBody, UpstreamCut, UpstreamFailure } from "./upstream.ts";

/** Reads go into one piece of memory after another; views of it are handed out and never overwritten. */
const SLAB_BYTES = 16 * 1024;
const SLAB_BYTES_MAX = 128 * 1024;
/** A read is given at least this much room. */
const READ_BYTES_MIN = 2 * 1024;
const INTERIM_HEADS_MAX = 8;

/** What a connection tells its pool. */
export type ConnectionHome = {
  /** It is whole again and may serve the next exchange within `forMs`. */
  rest(connection: Http1Connection, forMs: number): void;
  /** It is closed. */
  lost(connection: Http1Connection): void;
};

type Conn = Pick<Deno.Conn, "read" | "write" | "close"> & { closeWrite?(): Promise<void> };

export class Http1Connection {
  /** Whether a byte of the present exchange's answer has come: it must not be sent again. */
  sawByte = false;
  isClosed = false;
  private slab = new Uint8Array(SLAB_BYTES);
  private from = 0;
  private filled = 0;
  private isWriting = false;
  private idleRead: Promise<number | null> | null = null;
  private failure: unknown = null;

  constructor(private readonly conn: Conn, private readonly home: ConnectionHome) {}

  /** Closes at once; the read or write under way throws `reason`. */
  fail(reason: unknown): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.failure = reason;
    this.conn.close();
    this.home.lost(this);
  }

  /** Waits for nothing but the next exchange; whatever happens before ends the connection. */
  idle(): void {
    const read = this.readMore();
    this.idleRead = read;
    const spoil = () => {
      if (this.idleRead === read) {
        this.fail(new UpstreamFailure("unreachable", "Closed while idle"));
      }
    };
    read.then(spoil, spoil);
  }

  /** Sends the request and reads the head of its answer. Throws UpstreamFailure, or what `fail` was given. */
  async begin(message: readonly Uint8Array[], method: string): Promise<ResponseHead> {
    this.sawByte = false;
    this.write(message);
    for (let interim = 0; interim <= INTERIM_HEADS_MAX; interim++) {
      const head = parseResponseHead(await this.readHead(), method);
      if (head.status === 101) throw malformed("a switch of protocols nobody asked for");
      if (head.status >= 200) return head;
    }
    throw malformed(`more than ${INTERIM_HEADS_MAX} interim answers`);
  }

  /** The body after `head`. `onOver` is called once, when it is read to its end, cut, given up or failed. */
  body(head: ResponseHead, onOver: () => void): UpstreamBody {
    const { framing } = head;
    const chunks = framing.kind === "chunked" ? new ChunkedDecoder() : null;
    let left = framing.kind === "length" ? framing.bytes : Number.POSITIVE_INFINITY;
    let state: "open" | "ended" | "broken" = "open";
    const end = () => {
      state = "ended";
      onOver();
      this.afterBody(head);
    };
    const breakOff = (reason: unknown) => {
      if (state !== "open") return;
      state = "broken";
      onOver();
      this.fail(reason);
    };
    if (framing.kind === "none") end();

    const take = (): Uint8Array<ArrayBuffer> => {
      const { slab, from, filled } = this;
      if (chunks === null) {
        const to = Math.min(filled, from + left);
        this.from = to;
        left -= to - from;
        if (left === 0) end();
        return slab.subarray(from, to);
      }
      this.from = chunks.decode(slab, from, filled);
      if (chunks.isDone) end();
      return slab.subarray(chunks.payloadStart, chunks.payloadEnd);
    };
    const body = {
      read: async () => {
        try {
          while (state === "open") {
            if (this.isClosed) throw this.failure;
            if (this.from === this.filled && await this.fill() === null) {
              if (framing.kind !== "close") {
                throw new UpstreamCut("The engine closed inside the body");
              }
              end();
              break;
            }
            // Given up or aborted while the bytes were on their way.
            if (this.isClosed) throw this.failure;
            const piece = take();
            if (piece.length > 0) return piece;
          }
        } catch (thrown) {
          const reason = this.isClosed ? this.failure : asCut(thrown);
          breakOff(reason);
          throw reason;
        }
        if (state === "broken") throw this.failure ?? new UpstreamCut("The body was given up");
        return null;
      },
      cancel: () => {
        // Most bodies are over by then, and an error records its stack.
        if (state === "open") breakOff(new UpstreamCut("The body was given up"));
      },
      hangUp: () => {
        if (state !== "open") return;
        // A connection that cannot be half closed is closed by the cancel that follows.
        Promise.try(() => this.conn.closeWrite?.()).catch(() => {});
      },
      [Symbol.asyncIterator]: () => readAll(body),
    };
    return body;
  }

  private afterBody({ framing, keepAliveMs }: { framing: Framing; keepAliveMs: number | null }) {
    const isWhole = framing.kind !== "close" && this.from === this.filled && !this.isWriting;
    if (isWhole && keepAliveMs !== null && !this.isClosed) this.home.rest(this, keepAliveMs);
    else this.fail(new UpstreamFailure("unreachable", "Not kept for another exchange"));
  }

  /** Writes beside the reading: an engine may answer and close before it has read everything. */
  private async write(message: readonly Uint8Array[]): Promise<void> {
    this.isWriting = true;
    try {
      for (const piece of message) {
        for (let at = 0; at < piece.length;) at += await this.conn.write(piece.subarray(at));
      }
      this.isWriting = false;
    } catch {
      // The reading side says why; `isWriting` stays, so that the connection is not used again.
    }
  }

  private async readHead(): Promise<string> {
    let scanned = this.from + 3;
    for (;;) {
      const end = headEnd(this.slab, scanned, this.filled);
      if (end >= 0) {
        const text = latin1(this.slab, this.from, end - 4);
        this.from = end;
        return text;
      }
      if (this.filled - this.from > HEAD_BYTES_MAX) {
        throw malformed(`a head over ${HEAD_BYTES_MAX} bytes`);
      }
      const known = Math.max(3, this.filled - this.from);
      if (await this.fill() === null) {
        throw new UpstreamFailure("unreachable", "The engine closed before it answered");
      }
      this.sawByte = true;
      scanned = this.from + known;
    }
  }

  /** One read of the connection: how many bytes came, or null at its end. */
  private async fill(): Promise<number | null> {
    const pending = this.idleRead;
    this.idleRead = null;
    try {
      return await (pending ?? this.readMore());
    } catch (thrown) {
      throw this.isClosed ? this.failure : new UpstreamFailure(
        "unreachable",
        thrown instanceof Error ? thrown.message : String(thrown),
        thrown,
      );
    }
  }

  private async readMore(): Promise<number | null> {
    this.makeRoom();
    const room = this.slab.subarray(this.filled);
    const count = await this.conn.read(room);
    if (count !== null) this.filled += count;
    return count;
  }

  /** A new slab when the present one is nearly full; larger after a large read. What is unread moves along. */
  private makeRoom(): void {
    if (this.slab.length - this.filled >= READ_BYTES_MIN) return;
    const unread = this.slab.subarray(this.from, this.filled);
    const wanted = this.filled === this.slab.length ? this.slab.length * 2 : SLAB_BYTES;
    const bytes = Math.max(Math.min(wanted, SLAB_BYTES_MAX), unread.length + SLAB_BYTES);
    this.slab = new Uint8Array(bytes);
    this.slab.set(unread);
    this.from = 0;
    this.filled = unread.length;
  }
}

function asCut(thrown: unknown): unknown {
  if (thrown instanceof UpstreamCut || !(thrown instanceof UpstreamFailure)) return thrown;
  return new UpstreamCut(thrown.message, thrown);
}
