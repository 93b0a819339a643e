/** The pipeline behind a server of `Request` and `Response`. */
import { AppError } from "@/lib/kernel/errors.ts";
import { type Gauge, streamBody } from "./stream_body.ts";
import type { Answer, Inbound } from "./transport.ts";

/** A `Request` as the pipeline reads it. */
export function webInbound(request: Request): Inbound {
  return {
    headers: request.headers,
    get signal() {
      return request.signal;
    },
    body: (bytesMax) => readBody(request, bytesMax),
  };
}

/** An answer as a `Response`. */
export function webResponse({ status, headers, body, after }: Answer, open: Gauge): Response {
  const response = new Response(typeof body === "string" ? body : streamBody(body, open), {
    status,
    headers: [...headers],
  });
  after?.();
  return response;
}

/** The refusal of a body over `bytesMax`. */
export function tooLarge(bytesMax: number): AppError {
  return new AppError(
    "request_too_large",
    `Cannot read a body over ${bytesMax} bytes: send a smaller one`,
  );
}

async function readBody(request: Request, bytesMax: number): Promise<Uint8Array> {
  const declared = Number(request.headers.get("content-length") ?? "0");
  if (declared > bytesMax) throw tooLarge(bytesMax);
  try {
    // A declared length holds: HTTP/1.1's framing ends the body there. It is read at once, which costs half as much.
    return declared > 0 ? await request.bytes() : await readUndeclared(request, bytesMax);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("client_closed", "The body ended before it was whole", { cause: error });
  }
}

async function readUndeclared(request: Request, bytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request.body ?? []) {
    size += part.byteLength;
    if (size > bytesMax) throw tooLarge(bytesMax);
    parts.push(part);
  }
  return joined(parts, size);
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
