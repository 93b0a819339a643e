/** The rest of a stream: forwarded read by read, judged at its end, its record ended exactly once. */
import { Cancel, type Follower } from "@/lib/kernel/cancel.ts";
import { type Clock, millis } from "@/lib/kernel/clock.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import type { TierSpec } from "@/lib/kernel/fleet_file.ts";
import { UpstreamFailure } from "@/lib/engine/upstream.ts";
import type { UsageEnd } from "@/lib/ledger/usage_store.ts";
import type { OpenStream } from "./attempt.ts";
import { NotEvents } from "./event_splitter.ts";
import type { StreamKind } from "./inference_routes.ts";
import type { RequestRecord } from "./request_record.ts";
import { errorEvent } from "./stream_error.ts";

export type AnswerStreamOptions = {
  readonly clock: Clock;
  readonly tier: TierSpec;
  readonly kind: StreamKind;
  readonly requestId: string;
  readonly record: StreamRecord;
  /** The gateway stopping: what still runs at the end of its grace is told so. */
  readonly stopping: Cancel;
};

/** How long a pause tells that nothing more has arrived, and how long the drain of a left stream may take in all. */
const DRAIN_GAP = millis(2);
const DRAIN_MAX = millis(200);

/** What of a record a stream ends. */
export type StreamRecord = Pick<RequestRecord, "end">;

/** What to write next, and whether that was the last. */
export type Piece = { text: string; last: boolean };

/** Pulls the client's bytes out of an open stream; the opening first. */
export class AnswerStream implements Follower {
  seat = -1;
  readonly #stream: OpenStream;
  readonly #options: AnswerStreamOptions;
  #opening: string | null;
  #reading: Promise<Uint8Array | null> | null = null;
  /** How much longer the engine may be silent; counts only while we wait for it, not for a slow client. */
  #silenceLeftMs: number;
  #sawPayload = false;
  #left = false;
  #over = false;

  constructor(stream: OpenStream, options: AnswerStreamOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#opening = stream.opening;
    this.#silenceLeftMs = options.tier.limits.stall;
    stream.limits.detach();
    stream.limits.silentAtMs = Infinity; // until it is asked for more
    options.stopping.follow(this);
  }

  onAbort(): void {
    this.#stream.limits.abort(new AppError("shutting_down", "The gateway is stopping"));
  }

  /**
   * The next text to send: what one upstream read completed; at once when it has come already. Never throws or
   * rejects; failures become an error event.
   */
  next(): Piece | Promise<Piece> {
    try {
      if (this.#opening !== null) return this.#begin(this.#opening);
      while (true) {
        const bytes = this.#readBytes();
        if (bytes instanceof Promise) return this.#later(bytes);
        const piece = this.#pieceOf(bytes);
        if (piece !== null) return piece;
      }
    } catch (error) {
      return this.#broken(error);
    }
  }

  /** Waits for the engine, whose silence counts meanwhile. */
  #later(bytes: Promise<Uint8Array | null>): Promise<Piece> {
    const { limits } = this.#stream;
    limits.silentAtMs = this.#options.clock.elapsedMs() + this.#silenceLeftMs;
    return bytes.then(this.#onBytes, this.#onBroken);
  }

  #onBytes = (bytes: Uint8Array | null): Piece | Promise<Piece> => {
    const { limits } = this.#stream;
    const { silentAtMs } = limits;
    limits.silentAtMs = Infinity;
    this.#reading = null;
    try {
      this.#sawPayload = false;
      const piece = this.#pieceOf(bytes);
      if (!this.#sawPayload) this.#silenceLeftMs = silentAtMs - this.#options.clock.elapsedMs();
      return piece ?? this.next();
    } catch (error) {
      return this.#broken(error);
    }
  };

  #onBroken = (error: unknown): Piece => {
    this.#stream.limits.silentAtMs = Infinity;
    this.#reading = null;
    return this.#broken(error);
  };

  #pieceOf(bytes: Uint8Array | null): Piece | null {
    if (this.#left) return { text: "", last: true }; // the drain reads on
    return bytes === null ? this.#verdict() : this.#read(bytes);
  }

  /** The client left: what the engine has sent by now is still counted, then generation ends. */
  leave(): void {
    if (this.#over || this.#left) return;
    this.#left = true;
    this.#drain().catch(() => {}).finally(() => {
      this.#stream.limits.abort(new AppError("client_closed", "The client left"));
      this.#stream.body.cancel();
      this.#end("client_left", 499, "client_closed");
    });
  }

  /**
   * Hangs up and reads what the engine sends until it notices, so that the row says what was generated and not what
   * was fetched in time. Without a way to hang up, only what has arrived already is read.
   */
  async #drain(): Promise<void> {
    const { clock } = this.#options;
    const { body, splitter, meter } = this.#stream;
    body.hangUp?.();
    const pause = body.hangUp === undefined ? DRAIN_GAP : DRAIN_MAX;
    const endMs = clock.elapsedMs() + DRAIN_MAX;
    while (clock.elapsedMs() < endMs) {
      const over = new Cancel();
      const late = clock.sleep(pause, over).then(() => "nothing more" as const);
      const reading = this.#readBytes();
      const bytes = await Promise.race([reading, late]).finally(() => over.abort(null));
      if (this.#reading === reading && bytes !== "nothing more") this.#reading = null;
      if (bytes === null || bytes === "nothing more") return;
      for (const event of splitter.push(bytes)) meter.read(event);
    }
  }

  /** One read at a time, shared by whoever asks meanwhile. */
  #readBytes(): Uint8Array | null | Promise<Uint8Array | null> {
    if (this.#reading !== null) return this.#reading;
    const bytes = this.#stream.body.read();
    if (bytes instanceof Promise) this.#reading = bytes;
    return bytes;
  }

  #begin(opening: string): Piece {
    this.#opening = null;
    this.#payloadSeen();
    const { failure } = this.#stream;
    if (failure === null) return { text: opening, last: false };
    const { text } = this.#fail("upstream_failed", failure);
    return { text: opening + text, last: true };
  }

  #read(bytes: Uint8Array): Piece | null {
    let text = "";
    const { splitter, meter } = this.#stream;
    for (const event of splitter.push(bytes)) {
      const reading = meter.read(event);
      if (reading.kind === "failure") {
        const failure = new AppError("upstream_error", `The machine failed: ${reading.message}`);
        const told = this.#fail("upstream_failed", failure);
        return { text: text + told.text, last: true };
      }
      if (reading.kind === "drop") continue;
      text += reading.text;
      if (reading.content) this.#payloadSeen();
    }
    return text === "" ? null : { text, last: false };
  }

  /** The engine closed cleanly: whether the answer is whole is for the events to say, not for the connection. */
  #verdict(): Piece {
    const { meter, splitter } = this.#stream;
    if (!meter.finished() || !isEndOrNothing(splitter.rest().trim())) {
      return this.#fail(
        "truncated",
        new AppError("upstream_error", "The machine ended the stream before its end"),
      );
    }
    this.#end("complete", 200, null);
    return { text: meter.endMarker, last: true };
  }

  #broken(error: unknown): Piece {
    if (this.#left) return { text: "", last: true };
    const limit = this.#stream.limits.error;
    if (limit !== null) return this.#fail("stalled", limit);
    if (this.#options.stopping.aborted) {
      return this.#fail(
        "shutdown",
        new AppError("shutting_down", "The gateway is stopping; send the request again"),
      );
    }
    const message = error instanceof UpstreamFailure || error instanceof NotEvents
      ? "The machine's stream broke off"
      : "Something failed on our side while streaming";
    return this.#fail("upstream_failed", new AppError("upstream_error", message, { cause: error }));
  }

  #fail(ended: UsageEnd, error: AppError): Piece {
    this.#stream.limits.abort(error);
    this.#stream.body.cancel();
    this.#end(ended, error.status, error.code, error);
    const { kind, requestId } = this.#options;
    return { text: errorEvent(error, kind, requestId), last: true };
  }

  #payloadSeen(): void {
    this.#sawPayload = true;
    this.#silenceLeftMs = this.#options.tier.limits.stall;
  }

  #end(ended: UsageEnd, status: number, errorCode: string | null, error?: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#stream.limits.release();
    this.#options.stopping.unfollow(this);
    const finishReason = this.#stream.meter.finishReason;
    this.#options.record.end({ ended, status, errorCode, finishReason, error });
  }
}

/** Some servers close right behind the end marker, without its blank line. */
function isEndOrNothing(rest: string): boolean {
  return rest === "" || rest === "data: [DONE]";
}
