/** A TCP server that answers with recorded bytes, cut at random places; health checks get a 200. */
import { type Random, seeded } from "@/sim/random.ts";
import type { Recording } from "./recording.ts";

export type ReplayServer = AsyncDisposable & {
  readonly url: string;
  /** Answers the next inference request with this. */
  play(recording: Recording, seed: number): void;
  /** The body of the last inference request. */
  readonly received: string;
};

const encode = (text: string) => new TextEncoder().encode(text);
const PIECE_BYTES_MAX = 500;

export function startReplayServer(): ReplayServer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.Conn>();
  let next: { recording: Recording; random: Random } | null = null;
  let received = "";

  async function serve(connection: Deno.Conn): Promise<void> {
    const { path, body } = await readRequest(connection);
    if (!path.startsWith("/v1/") || next === null) {
      await writeAll(
        connection,
        encode("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
      );
    } else {
      received = body;
      await replay(connection, next.recording, next.random);
    }
  }

  async function accept(): Promise<void> {
    for await (const connection of listener) {
      connections.add(connection);
      connection.setNoDelay(true);
      serve(connection).catch(() => {}).finally(() => {
        connections.delete(connection);
        connection.close();
      });
    }
  }
  accept().catch(() => {});

  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    play: (recording, seed) => void (next = { recording, random: seeded(seed) }),
    get received() {
      return received;
    },
    [Symbol.asyncDispose]() {
      listener.close();
      for (const connection of connections) connection.close();
      return Promise.resolve();
    },
  };
}

/** The answer in chunks of random sizes, written in pieces of other random sizes. */
async function replay(connection: Deno.Conn, recording: Recording, random: Random): Promise<void> {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: ${recording.contentType}\r\n` +
    "transfer-encoding: chunked\r\nconnection: close\r\n\r\n";
  const parts: Uint8Array[] = [encode(head)];
  for (const piece of cut(encode(recording.answer), random)) {
    parts.push(encode(`${piece.length.toString(16)}\r\n`), piece, encode("\r\n"));
  }
  parts.push(encode("0\r\n\r\n"));
  for (const piece of cut(joined(parts), random)) {
    await writeAll(connection, piece);
    // Now and then the rest comes in another turn of the event loop, so that reads end where pieces do.
    if (random() < 0.1) await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

function* cut(bytes: Uint8Array, random: Random): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const length = 1 + Math.floor(random() * random() * PIECE_BYTES_MAX);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** One request with a declared length; the gateway sends no other. */
async function readRequest(connection: Deno.Conn): Promise<{ path: string; body: string }> {
  const buffer = new Uint8Array(16_384);
  let text = "";
  while (true) {
    const end = text.indexOf("\r\n\r\n");
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? "0");
    if (end !== -1 && text.length >= end + 4 + length) {
      const bytes = Uint8Array.from(text.slice(end + 4), (char) => char.charCodeAt(0));
      return { path: text.split(" ", 2)[1] ?? "", body: new TextDecoder().decode(bytes) };
    }
    const count = await connection.read(buffer);
    if (count === null) throw new Error("the request broke off");
    // One character a byte; the decoder called latin1 is windows-1252 and would not do.
    text += String.fromCharCode(...buffer.subarray(0, count));
  }
}
