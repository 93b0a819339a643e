/** What the pipeline needs to know of a transport: how a request comes in and how its answer goes out. */
import type { CancelSignal } from "@/lib/kernel/cancel.ts";
import type { Piece } from "./answer_stream.ts";

/** Names in lower case; several fields of one name are joined by a comma. */
export type HeaderLookup = { get(name: string): string | null };

/** A request as the pipeline sees it, whichever core read it. */
export type Inbound = {
  readonly headers: HeaderLookup;
  /** Aborted when the client leaves before its answer is over. */
  readonly signal: CancelSignal;
  /** The whole body; text where it is known to be ASCII. Throws AppError `request_too_large` or `client_closed`. */
  body(bytesMax: number): Uint8Array | string | Promise<Uint8Array>;
};

/** Header fields of an answer, by lower-case name. */
export type AnswerHeaders = Map<string, string>;

/** A body that comes in pieces. */
export type PieceSource = {
  /** At once when it is there. Never throws or rejects. */
  next(): Piece | Promise<Piece>;
  /** The client left. */
  leave(): void;
};

/** An answer before it is written: whole, or in pieces. */
export type Answer = {
  readonly status: number;
  readonly headers: AnswerHeaders;
} & (WholeBody | { readonly body: PieceSource; readonly after?: never });

type WholeBody = {
  readonly body: string;
  /**
   * What is left to do once the answer is on its way, so that nobody waits for it. A transport calls it once, whether
   * or not the client still takes the answer. A body in pieces ends its own books.
   */
  readonly after?: () => void;
};
