/** The rest of a stream: forwarded read by read, judged at its end, its record ended exactly once. */
import type { Clock } from "@/lib/kernel/clock.ts";
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
  readonly record: RequestRecord;
  /** The gateway stopping: what still runs at the end of its grace is told so. */
  readonly stopping: AbortSignal;
};

/** What to write next, and whether that was the last. */
export type Piece = { text: string; last: boolean };

/** Pulls the client's bytes out of an open stream; the opening first. */
export class AnswerStream {
  readonly #stream: OpenStream;
  readonly #options: AnswerStreamOptions;
  #opening: string | null;
  #over = false;

  constructor(stream: OpenStream, options: AnswerStreamOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#opening = stream.opening;
  }

  /** The next text to send: what one upstream read completed. Never rejects; failures become an error event. */
  async next(): Promise<Piece> {
    try {
      if (this.#opening !== null) return this.#begin(this.#opening);
      while (true) {
        const bytes = await this.#stream.body.read();
        if (bytes === null) return this.#verdict();
        const piece = this.#read(bytes);
        if (piece !== null) return piece;
      }
    } catch (error) {
      return this.#broken(error);
    }
  }

  /** The client left: generation ends at once. */
  leave(): void {
    this.#stream.abort(new AppError("client_closed", "The client left"));
    this.#stream.body.cancel();
    this.#end("client_left", 499, "client_closed");
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
    for (const event of this.#stream.splitter.push(bytes)) {
      const reading = this.#stream.meter.read(event);
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
    if (!meter.finished() || splitter.rest().trim() !== "") {
      return this.#fail(
        "truncated",
        new AppError("upstream_error", "The machine ended the stream before its end"),
      );
    }
    this.#end("complete", 200, null);
    return { text: meter.endMarker, last: true };
  }

  #broken(error: unknown): Piece {
    const limit = this.#stream.limitError();
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
    this.#stream.abort(error);
    this.#stream.body.cancel();
    this.#end(ended, error.status, error.code, error);
    const { kind, requestId } = this.#options;
    return { text: errorEvent(error, kind, requestId), last: true };
  }

  #payloadSeen(): void {
    const { clock, tier } = this.#options;
    this.#stream.watched.silentAtMs = clock.elapsedMs() + tier.limits.stall;
  }

  #end(ended: UsageEnd, status: number, errorCode: string | null, error?: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#stream.release();
    const finishReason = this.#stream.meter.finishReason;
    this.#options.record.end({ ended, status, errorCode, finishReason, error });
  }
}
