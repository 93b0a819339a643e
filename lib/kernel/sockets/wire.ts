/** A connection as our own protocols see it: bytes come by themselves, writes are not waited for. */
import type { CancelSignal } from "../cancel.ts";

export type Bytes = Uint8Array<ArrayBuffer>;

/** Who listens to a wire. After `broke` nothing more comes; after `ended`, only `drained` and `broke`. */
export type WireEars = {
  /** Fresh memory each time: the listener's to keep. */
  bytes(bytes: Bytes): void;
  /** The other side closed its side. */
  ended(): void;
  broke(error: unknown): void;
  /** All that waited in our memory is the system's now; after a write that answered false. */
  drained?(): void;
};

export type Wire = {
  /** Says who listens, from now on. Nothing comes before the first call. */
  listen(ears: WireEars): void;
  /** Text goes as UTF-8. False when the other side is behind and our memory holds more of it than it should. */
  write(data: string | Bytes): boolean;
  /** Whether something of what was written is still ours to send. */
  readonly isWriting: boolean;
  pause(): void;
  resume(): void;
  /** Closes our side only, once everything is sent. */
  hangUp(): void;
  /** Closes at once; what is not sent is dropped. The ears hear nothing more. */
  close(): void;
};

export type WireTarget =
  | {
    readonly hostname: string;
    readonly port: number;
    /** Silence of this length is asked about by the system; not given: it is not. */
    readonly keepAliveMs?: number;
  }
  /** A Unix socket. */
  | { readonly path: string };

export type ListenTarget = {
  readonly hostname: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Other processes listen on the same port; the system shares connections out among them. */
  readonly sharesPort: boolean;
  /** Connections that wait to be taken. */
  readonly backlog: number;
};

export type Listener = {
  readonly port: number;
  /** Takes no more connections. Those that were taken stay. */
  close(): void;
};

/** A way to the system's stream sockets. */
export type Sockets = {
  readonly kind: "epoll" | "node";
  /** Connects. Rejects with what the system said, or the signal's reason. */
  connect(target: WireTarget, signal: CancelSignal): Promise<Wire>;
  /** Listens on TCP; a wire of `taken` is read once it is listened to. Rejects when the address cannot be had. */
  listen(target: ListenTarget, taken: (wire: Wire) => void): Promise<Listener>;
  /** Lets go of what it holds besides its wires, which are closed by their owners first. */
  close(): Promise<void>;
};
