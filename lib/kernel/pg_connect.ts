/** Where a line to PostgreSQL goes, and the bytes' way there: a Unix socket or TCP, through node:net. */
import net from "node:net";
import type { CancelSignal } from "./cancel.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Who listens to the bytes of a line. After `ended` or `broke` nothing more comes. */
export type PgEars = {
  bytes(bytes: Bytes): void;
  ended(): void;
  broke(error: unknown): void;
};

/** The part of an engine's wire that a line to the database needs. */
export type PgWire = {
  /** Says who listens; call once, before anything else. */
  listen(ears: PgEars): void;
  /** The bytes stay as they are until the other side has answered them. */
  write(message: { readonly head: Bytes; readonly body: null }): void;
  /** Closes at once. The ears hear nothing more. */
  close(): void;
};

export type PgAddress =
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "tcp"; readonly hostname: string; readonly port: number };

/** Rejects with what the system said, or when `signal` aborts. */
export type PgConnect = (address: PgAddress, signal: CancelSignal) => Promise<PgWire>;

/** Silence of this length on TCP is asked about by the system. */
const KEEP_ALIVE_MS = 60_000;

export const connectPg: PgConnect = (address, signal) => {
  const { promise, resolve, reject } = Promise.withResolvers<PgWire>();
  const socket = address.kind === "socket"
    ? net.connect({ path: address.path })
    : net.connect({ host: address.hostname, port: address.port, noDelay: true });
  if (address.kind === "tcp") socket.setKeepAlive(true, KEEP_ALIVE_MS);
  const onAbort = () => {
    socket.destroy();
    reject(signal.reason);
  };
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  socket.on("error", (error) => { // stays: an error that nobody hears would end the process
    signal.removeEventListener("abort", onAbort);
    reject(error);
  });
  socket.once("connect", () => {
    signal.removeEventListener("abort", onAbort);
    resolve(wireOf(socket));
  });
  return promise;
};

function wireOf(socket: net.Socket): PgWire {
  let isOver = false;
  return {
    listen(ears) {
      let error: unknown = null;
      const over = () => {
        if (isOver) return;
        isOver = true;
        if (error === null) ears.ended();
        else ears.broke(error);
      };
      socket.on("data", (bytes: Bytes) => isOver || ears.bytes(bytes));
      socket.on("error", (thrown) => error = thrown);
      socket.on("close", over);
      // It may have closed between connecting and this.
      if (socket.destroyed) queueMicrotask(over);
    },
    write: ({ head }) => void socket.write(head),
    close() {
      isOver = true;
      socket.destroy();
    },
  };
}
