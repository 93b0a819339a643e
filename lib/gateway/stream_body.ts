/** From pieces of an answer to the body of a response. */
import type { AnswerStream } from "./answer_stream.ts";

type Gauge = { inc(): void; dec(): void };

/**
 * The body: each pull asks upstream for the next piece, so a slow client slows the engine. A client that leaves
 * cancels the body, and that ends the generation.
 */
export function streamBody(stream: AnswerStream, open: Gauge): ReadableStream<Uint8Array> {
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
  }, { highWaterMark: 0 });
}
