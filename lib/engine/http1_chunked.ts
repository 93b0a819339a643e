/**
 * Takes chunked framing off a body as it arrives, in place: the payload of one read is moved together within the
 * very bytes that were read, so that one read stays one piece and nothing is copied elsewhere. Source: RFC 9112 §7.1.
 */
import { malformed } from "./http1_head.ts";

/** Size and extensions of one chunk; engines send a handful of bytes. */
const CHUNK_LINE_BYTES_MAX = 4 * 1024;
const TRAILER_BYTES_MAX = 16 * 1024;
/** Thirteen hex digits stay below 2^53. */
const SIZE_DIGITS_MAX = 13;

const CR = 13;
const LF = 10;
const SEMICOLON = 59;
const SPACE = 32;
const TAB = 9;

type State =
  | "size"
  | "after-size"
  | "extension"
  | "size-end"
  | "data"
  | "data-cr"
  | "data-end"
  | "trailer-start"
  | "trailer"
  | "trailer-end"
  | "last"
  | "done";

export class ChunkedDecoder {
  private state: State = "size";
  private digits = 0;
  private left = 0;
  private lineBytes = 0;
  private trailerBytes = 0;
  /** The payload of the last call is `bytes[payloadStart … payloadEnd)`. */
  payloadStart = 0;
  payloadEnd = 0;

  get isDone(): boolean {
    return this.state === "done";
  }

  /**
   * Reads `bytes[from … to)` and returns where it stopped: `to`, or less once the body is over. Overwrites framing
   * with payload. Throws UpstreamFailure `malformed` at the first byte that does not belong.
   */
  decode(bytes: Uint8Array, from: number, to: number): number {
    let i = from;
    let hasPayload = false;
    this.payloadStart = this.payloadEnd = from;
    while (i < to && this.state !== "done") {
      if (this.state !== "data") {
        this.frame(bytes[i++] ?? 0);
        continue;
      }
      const length = Math.min(to - i, this.left);
      if (!hasPayload) this.payloadStart = this.payloadEnd = i;
      else if (this.payloadEnd !== i) bytes.copyWithin(this.payloadEnd, i, i + length);
      hasPayload = true;
      this.payloadEnd += length;
      this.left -= length;
      i += length;
      if (this.left === 0) this.state = "data-cr";
    }
    return i;
  }

  /** One byte of framing. */
  private frame(byte: number): void {
    switch (this.state) {
      case "size": {
        const digit = hexDigit(byte);
        if (digit >= 0) {
          if (++this.digits > SIZE_DIGITS_MAX) throw malformed("a chunk size too large");
          this.left = this.left * 16 + digit;
          return;
        }
        if (this.digits === 0) throw malformed("a chunk without a size");
        this.state = "after-size";
        this.lineBytes = this.digits;
        return this.frame(byte);
      }
      case "after-size":
        if (byte === CR) this.state = "size-end";
        else if (byte === SEMICOLON) this.state = "extension";
        else if (byte !== SPACE && byte !== TAB) throw malformed("a bad chunk size");
        return this.countLine();
      case "extension":
        if (byte === CR) this.state = "size-end";
        else if (byte < SPACE && byte !== TAB) throw malformed("a bad chunk extension");
        return this.countLine();
      case "size-end":
        if (byte !== LF) throw malformed("a chunk size without its line end");
        this.digits = 0;
        this.state = this.left === 0 ? "trailer-start" : "data";
        return;
      case "data-cr":
        if (byte !== CR) throw malformed("a chunk longer than its size");
        this.state = "data-end";
        return;
      case "data-end":
        if (byte !== LF) throw malformed("a chunk without its line end");
        this.state = "size";
        return;
      case "trailer-start":
        if (byte === CR) this.state = "last";
        else this.state = "trailer";
        return this.countTrailer(byte);
      case "trailer":
        if (byte === CR) this.state = "trailer-end";
        return this.countTrailer(byte);
      case "trailer-end":
        if (byte !== LF) throw malformed("a trailer without its line end");
        this.state = "trailer-start";
        return;
      case "last":
        if (byte !== LF) throw malformed("a body without its last line end");
        this.state = "done";
        return;
      case "data":
      case "done":
        return;
    }
  }

  private countLine(): void {
    if (++this.lineBytes > CHUNK_LINE_BYTES_MAX) throw malformed("a chunk extension too long");
  }

  /** Trailers are dropped: nothing we forward may come after the body. */
  private countTrailer(byte: number): void {
    if (byte === LF || (byte < SPACE && byte !== CR && byte !== TAB)) {
      throw malformed("a bad trailer");
    }
    if (++this.trailerBytes > TRAILER_BYTES_MAX) throw malformed("trailers too long");
  }
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
