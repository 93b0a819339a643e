/** What PostgreSQL says to us: messages of its protocol 3.0 (manual, 54.7), cut apart and read. */
import { ProtocolError } from "./pg_error.ts";
import { PG_TYPES } from "./pg_writer.ts";

/** A message of the server: an answer to a full batch is some 50 KB, an error less. */
const INCOMING_BYTES_MAX = 4 * 1024 * 1024;

const COLUMNS_MAX = 100;

const decoder = new TextDecoder();

/** Reads one message of the server, or a value in it. */
export class MessageReader {
  readonly #view: DataView;
  #at: number;
  constructor(readonly bytes: Uint8Array, start = 0, readonly end = bytes.length) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.end;
  }

  byte(): number {
    return this.#view.getUint8(this.#take(1));
  }
  int2(): number {
    return this.#view.getInt16(this.#take(2));
  }
  int4(): number {
    return this.#view.getInt32(this.#take(4));
  }

  text(length: number): string {
    const at = this.#take(length);
    return decoder.decode(this.bytes.subarray(at, at + length));
  }

  /** Text up to a NUL. */
  name(): string {
    const length = this.bytes.subarray(this.#at, this.end).indexOf(0);
    if (length < 0) throw new ProtocolError("A text of the database has no end");
    const text = this.text(length);
    this.#take(1);
    return text;
  }

  rest(): Uint8Array {
    return this.bytes.subarray(this.#at, this.end);
  }

  /** A copy of the next bytes. */
  copy(length: number): Uint8Array<ArrayBuffer> {
    const at = this.#take(length);
    return new Uint8Array(this.bytes.subarray(at, at + length));
  }

  #take(length: number): number {
    const at = this.#at;
    if (length < 0 || at + length > this.end) {
      throw new ProtocolError("A message of the database ends too early");
    }
    this.#at += length;
    return at;
  }
}

/** A text[] of one dimension without nulls, as the server sends it in binary. */
export function textArrayOf(bytes: Uint8Array): string[] {
  const reader = new MessageReader(bytes);
  const dimensions = reader.int4();
  const hasNull = reader.int4();
  const oid = reader.int4();
  if (dimensions > 1 || hasNull !== 0 || oid !== PG_TYPES.text.oid) {
    throw new ProtocolError("An array of the database is not one of text");
  }
  if (dimensions === 0) return [];
  const count = reader.int4();
  reader.int4();
  const texts: string[] = [];
  for (let i = 0; i < count; i++) texts.push(reader.text(reader.int4()));
  return texts;
}

/** Cuts what comes into messages. */
export class MessageSplitter {
  #held: Uint8Array | null = null;

  /** Hands on each whole message: its type, and its body from `start` until `end`, good for this call. */
  push(
    bytes: Uint8Array,
    take: (type: number, bytes: Uint8Array, start: number, end: number) => void,
  ): void {
    let all = bytes;
    if (this.#held !== null) {
      all = new Uint8Array(this.#held.length + bytes.length);
      all.set(this.#held);
      all.set(bytes, this.#held.length);
      this.#held = null;
    }
    let at = 0;
    while (all.length - at >= 5) {
      const length = lengthAt(all, at + 1);
      if (length < 4 || length > INCOMING_BYTES_MAX) {
        throw new ProtocolError(`A message of the database is said to be of ${length} bytes`);
      }
      const end = at + 1 + length;
      if (end > all.length) break;
      take(all[at] ?? 0, all, at + 5, end);
      at = end;
    }
    if (at < all.length) this.#held = all.slice(at);
  }
}

const lengthAt = (bytes: Uint8Array, at: number) =>
  ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) |
  (bytes[at + 3] ?? 0);

/** The values of one row, in binary; null where SQL has null. */
export type PgRow = readonly (Uint8Array | null)[];

/** The one row that a statement answered. */
export function rowOf(reader: MessageReader): PgRow {
  const count = reader.int2();
  if (count > COLUMNS_MAX) throw new ProtocolError(`A row of the database has ${count} columns`);
  const values: (Uint8Array | null)[] = [];
  for (let i = 0; i < count; i++) {
    const length = reader.int4();
    values.push(length < 0 ? null : reader.copy(length));
  }
  return values;
}
