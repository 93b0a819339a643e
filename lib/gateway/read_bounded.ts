/** Reads a whole answer within a limit. */
import { decodeUtf8 } from "@/lib/kernel/utf8.ts";
import type { UpstreamBody } from "@/lib/engine/upstream.ts";

/** No embedding batch or completion comes near it; an engine gone mad must not fill our memory. */
export const ANSWER_BYTES_MAX = 128_000_000;

/**
 * The text of the body, at once when it came in one piece and is there; null when it is longer than `bytesMax`, or not
 * UTF-8. Throws UpstreamCut.
 */
export function readAnswerBytes(
  body: UpstreamBody,
  bytesMax = ANSWER_BYTES_MAX,
): string | null | Promise<string | null> {
  const first = body.read();
  if (first === null || first instanceof Promise) return readOn(body, [], first, bytesMax);
  const next = first.byteLength > bytesMax ? first : body.read();
  if (next !== null) return readOn(body, [first], next, bytesMax);
  return textOf([first]);
}

async function readOn(
  body: UpstreamBody,
  parts: Uint8Array[],
  next: ReturnType<UpstreamBody["read"]>,
  bytesMax: number,
): Promise<string | null> {
  let size = parts.reduce((sum, part) => sum + part.byteLength, 0);
  try {
    for (let bytes = await next; bytes !== null; bytes = await body.read()) {
      size += bytes.byteLength;
      if (size > bytesMax) return null;
      parts.push(bytes);
    }
    return textOf(parts);
  } finally {
    body.cancel();
  }
}

function textOf(parts: readonly Uint8Array[]): string | null {
  const [only] = parts;
  return decodeUtf8(parts.length === 1 && only !== undefined ? only : joined(parts));
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
