/**
 * The line under an HTTP/1.1 connection: bytes come by themselves and writes are not waited for. TCP goes through
 * node:net, which hands a read over without a promise; TLS goes through Deno, whose trust in certificates is the system's.
 */
import net from "node:net";
import type { CancelSignal } from "@/lib/kernel/cancel.ts";
import { writeText } from "@/lib/kernel/write_text.ts";
import type { RequestMessage } from "./http1_head.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Who listens to a wire. After `ended` or `broke` nothing more comes. */
export type WireEars = {
  /** Fresh memory each time: the listener's to keep. */
  bytes(bytes: Bytes): void;
  /** The other side closed its side. */
  ended(): void;
  broke(error: unknown): void;
};

export type Wire = {
  /** Says who listens; call once, before anything else. */
  listen(ears: WireEars): void;
  write(message: RequestMessage): void;
  /** Whether something of what was written is still ours to send. */
  readonly isWriting: boolean;
  pause(): void;
  resume(): void;
  /** Closes our side only. */
  hangUp(): void;
  /** Closes at once. The ears hear nothing more. */
  close(): void;
};

const TLS_READ_BYTES = 16 * 1024;

/** Connects over TCP. Rejects with what the system said, or when `signal` aborts. */
export function connectTcp(
  target: { hostname: string; port: number },
  signal: CancelSignal,
): Promise<Wire> {
  return new Promise((resolve, reject) => {
    const { hostname: host, port } = target;
    const socket = net.connect({ host, port, noDelay: true, allowHalfOpen: true });
    const onAbort = () => {
      socket.destroy();
      reject(signal.reason);
    };
    const onError = (error: Error) => {
      signal.removeEventListener("abort", onAbort);
      reject(error);
    };
    signal.addEventListener("abort", onAbort);
    socket.on("error", onError); // stays: an error that nobody hears would end the process
    socket.once("connect", () => {
      signal.removeEventListener("abort", onAbort);
      resolve(new SocketWire(socket));
    });
  });
}

class SocketWire implements Wire {
  readonly #socket: net.Socket;
  #isOver = false;

  constructor(socket: net.Socket) {
    this.#socket = socket;
  }

  listen(ears: WireEars): void {
    let error: unknown = new Error("Closed");
    const over = (tell: () => void) => {
      if (this.#isOver) return;
      this.#isOver = true;
      tell();
    };
    this.#socket.on("data", (bytes: Bytes) => this.#isOver || ears.bytes(bytes));
    this.#socket.on("end", () => over(() => ears.ended()));
    this.#socket.on("error", (thrown) => error = thrown);
    this.#socket.on("close", () => over(() => ears.broke(error)));
    // It may have broken between connecting and this.
    if (this.#socket.destroyed) queueMicrotask(() => over(() => ears.broke(error)));
  }

  write({ head, body }: RequestMessage): void {
    if (typeof head === "string" && (body === null || typeof body === "string")) {
      writeText(this.#socket, body === null ? head : head + body);
      return;
    }
    this.#socket.write(head);
    if (body !== null) this.#socket.write(body);
  }

  get isWriting(): boolean {
    return this.#socket.writableLength > 0;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  hangUp(): void {
    this.#socket.end();
  }

  close(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }
}

/** A wire over TLS, its handshake done. */
export class TlsWire implements Wire {
  readonly #conn: Deno.TlsConn;
  #isOver = false;
  #writes = 0;
  #queue: Promise<void> = Promise.resolve();
  #paused: PromiseWithResolvers<void> | null = null;

  constructor(conn: Deno.TlsConn) {
    this.#conn = conn;
  }

  listen(ears: WireEars): void {
    this.#read(ears).catch((error) => {
      if (!this.#isOver) ears.broke(error);
      this.#isOver = true;
    });
  }

  async #read(ears: WireEars): Promise<void> {
    for (;;) {
      const bytes = new Uint8Array(TLS_READ_BYTES);
      const count = await this.#conn.read(bytes);
      await this.#paused?.promise;
      if (this.#isOver) return;
      if (count === null) break;
      ears.bytes(bytes.subarray(0, count));
    }
    this.#isOver = true;
    ears.ended();
  }

  write({ head, body }: RequestMessage): void {
    const parts = body === null ? [head] : [head, body];
    this.#writes++;
    this.#queue = this.#queue.then(async () => {
      for (const part of parts) {
        const bytes = typeof part === "string" ? new TextEncoder().encode(part) : part;
        for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
      }
      this.#writes--;
    }).catch(() => {}); // the reading side says why; `isWriting` stays, so that the wire is not used again
  }

  get isWriting(): boolean {
    return this.#writes > 0;
  }

  pause(): void {
    this.#paused ??= Promise.withResolvers();
  }

  resume(): void {
    this.#paused?.resolve();
    this.#paused = null;
  }

  hangUp(): void {
    this.#conn.closeWrite().catch(() => {}); // closed by the cancel that follows
  }

  close(): void {
    this.resume();
    if (!this.#isOver) this.#isOver = true;
    try {
      this.#conn.close();
    } catch {
      // It is closed.
    }
  }
}
