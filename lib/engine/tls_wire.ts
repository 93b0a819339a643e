/** The wire to an engine behind TLS: Deno's, whose trust in certificates is the system's. */
import type { Bytes, Wire, WireEars } from "@/lib/kernel/sockets/wire.ts";

const TLS_READ_BYTES = 16 * 1024;

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

  /** Its ears are never told that it drained: a request is all that is written here, and it is bounded. */
  write(data: string | Bytes): boolean {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    this.#writes++;
    this.#queue = this.#queue.then(async () => {
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
      this.#writes--;
    }).catch(() => {}); // the reading side says why; `isWriting` stays, so that the wire is not used again
    return true;
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
