/** From pieces of an answer to the body of a response. */
import type { PieceSource } from "./transport.ts";

export type Gauge = { inc(): void; dec(): void };

/**
 * How far we read ahead of the client, per stream. The meter must see what the engine sent even when the client
 * reads slowly and then leaves; past this a slow client slows the engine.
 */
export const READ_AHEAD_BYTES = 32_768;

/** A queue that holds that much. */
export const readAhead = (): QueuingStrategy<Uint8Array> => ({
  highWaterMark: READ_AHEAD_BYTES,
  size: (bytes) => bytes.byteLength,
});

/** The body: each pull asks upstream for the next piece. A client that leaves cancels it, and that ends the generation. */
export function streamBody(stream: PieceSource, open: Gauge): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let counted = true;
  open.inc();
  const closed = () => {
    if (counted) open.dec();
    counted = false;
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { text, last } = await stream.next();
      if (text !== "") controller.enqueue(encoder.encode(text));
      if (!last) return;
      closed();
      controller.close();
    },
    cancel() {
      closed();
      stream.leave();
    },
  }, readAhead());
}
