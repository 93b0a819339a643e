/** Reads a whole answer within a limit. */
import type { UpstreamBody } from "@/lib/engine/upstream.ts";

/** No embedding batch or completion comes near it; an engine gone mad must not fill our memory. */
export const ANSWER_BYTES_MAX = 128_000_000;

/** Shared: it only ever decodes whole texts. */
const UTF8 = new TextDecoder("utf-8", { fatal: true });

/** The text of the body; null when it is longer than `bytesMax`, or not UTF-8. Throws UpstreamCut. */
export async function readAnswerBytes(
  body: UpstreamBody,
  bytesMax = ANSWER_BYTES_MAX,
): Promise<string | null> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    while (true) {
      const given = body.read();
      const bytes = given instanceof Promise ? await given : given;
      if (bytes === null) break;
      size += bytes.byteLength;
      if (size > bytesMax) return null;
      parts.push(bytes);
    }
    const [only] = parts;
    return UTF8.decode(parts.length === 1 && only !== undefined ? only : joined(parts, size));
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  } finally {
    body.cancel();
  }
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
