/** Reads a whole answer within a limit. */
import type { UpstreamBody } from "@/lib/engine/upstream.ts";

/** No embedding batch or completion comes near it; an engine gone mad must not fill our memory. */
export const ANSWER_BYTES_MAX = 128_000_000;

/** The text of the body; null when it is longer than `bytesMax`, or not UTF-8. Throws UpstreamCut. */
export async function readAnswerBytes(
  body: UpstreamBody,
  bytesMax = ANSWER_BYTES_MAX,
): Promise<string | null> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let size = 0;
  try {
    while (true) {
      const given = body.read();
      const bytes = given instanceof Promise ? await given : given;
      if (bytes === null) break;
      size += bytes.byteLength;
      if (size > bytesMax) return null;
      text += decoder.decode(bytes, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  } finally {
    body.cancel();
  }
}
