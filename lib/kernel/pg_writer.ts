/** What we say to PostgreSQL: messages of its protocol 3.0 (manual, 54.7), written straight into bytes. */
import { assert } from "./assert.ts";

/** A value that no column can hold. Its `code` is what the server would have answered (SQLSTATE class 22). */
export class UnwritableError extends Error {
  override readonly name = "UnwritableError";
  constructor(message: string, readonly code: string) {
    super(message);
  }
}

/** What is written at most between two answers. */
const OUTGOING_BYTES_MAX = 64 * 1024 * 1024;
const OUTGOING_BYTES_MIN = 16 * 1024;
/** Between this and the first allocation the memory is kept for the next time. */
const OUTGOING_BYTES_KEPT = 1024 * 1024;
const UTF8_BYTES_PER_UNIT_MAX = 3;
/** Longer text is left to the runtime's encoder, which costs more to call than a short one to write. */
const SHORT_TEXT_MAX = 64;
const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);
const TWO_32 = 2 ** 32;
const ASCII_MAX = 0x7f;
const INT4_MAX = 2 ** 31 - 1;

/** Types a parameter may have: oids of the type and of its array (pg_type.dat). */
export const PG_TYPES = {
  "integer": { oid: 23, arrayOid: 1007 },
  "bigint": { oid: 20, arrayOid: 1016 },
  "text": { oid: 25, arrayOid: 1009 },
  "boolean": { oid: 16, arrayOid: 1000 },
  "timestamptz": { oid: 1184, arrayOid: 1185 },
  "numeric": { oid: 1700, arrayOid: 1231 },
} as const;
export type PgType = keyof typeof PG_TYPES;

/** Milliseconds from 1970, where ours begin, to 2000, where PostgreSQL's do. */
const EPOCH_MS = Date.UTC(2000, 0, 1);

const encoder = new TextEncoder();

/** Writes messages one after another into memory that it keeps. */
export class MessageWriter {
  #bytes = new Uint8Array(OUTGOING_BYTES_MIN);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  /** Forgets what was written. What `written` answered before is overwritten from here on. */
  reset(): void {
    this.#at = 0;
    if (this.#bytes.length > OUTGOING_BYTES_KEPT) this.#resize(OUTGOING_BYTES_MIN);
  }

  /** What was written since `reset`: the writer's own memory, good until then. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Begins a message; answers what `end` wants to know. The first of a connection has no type. */
  begin(type: string | null): number {
    this.#need(5);
    if (type !== null) this.#bytes[this.#at++] = type.charCodeAt(0);
    const start = this.#at;
    this.#at += 4;
    return start;
  }

  /** Ends the message, or the sized part of one when the size does not count itself, that began at `start`. */
  end(start: number, countsItself = true): void {
    this.#view.setInt32(start, this.#at - start - (countsItself ? 0 : 4));
  }

  int2(value: number): void {
    this.#need(2);
    this.#view.setInt16(this.#at, value);
    this.#at += 2;
  }

  int4(value: number): void {
    this.#need(4);
    this.#view.setInt32(this.#at, value);
    this.#at += 4;
  }

  raw(bytes: Uint8Array): void {
    this.#need(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Text that ends in a NUL. */
  name(text: string): void {
    assert(!text.includes("\0"), "a name of the protocol holds no NUL");
    this.#utf8(text);
    this.#need(1);
    this.#bytes[this.#at++] = 0;
  }

  /** Begins a parameter that is sized by `end(start, false)`. */
  sized(): number {
    this.#need(4);
    this.#at += 4;
    return this.#at - 4;
  }

  /** A parameter of type integer. */
  integer(value: number): void {
    this.int4(4);
    this.int4(checkedInt4(value));
  }

  /**
   * An array parameter, in one pass: of each row what `of` answers. A timestamptz is milliseconds since 1970, a numeric
   * a bigint. Throws UnwritableError for a number that its type cannot hold.
   */
  array<Row>(type: PgType, rows: readonly Row[], of: (row: Row) => PgValue): void {
    const start = this.sized();
    this.int4(rows.length === 0 ? 0 : 1); // dimensions
    const mayHoldNull = this.#at;
    this.int4(0);
    this.int4(PG_TYPES[type].oid);
    if (rows.length > 0) {
      this.int4(rows.length);
      this.int4(1); // the first index
      let hasNull = 0;
      for (const row of rows) {
        const value = of(row);
        if (value === null) {
          this.int4(-1);
          hasNull = 1;
        } else this.#element(type, value);
      }
      this.#view.setInt32(mayHoldNull, hasNull);
    }
    this.end(start, false);
  }

  #element(type: PgType, value: NonNullable<PgValue>): void {
    switch (type) {
      case "text":
        return this.#text(String(value));
      case "integer":
        return this.integer(Number(value));
      case "bigint":
        return this.#int8(Number(value));
      case "timestamptz":
        return this.#int8((Number(value) - EPOCH_MS) * 1_000);
      case "boolean":
        this.int4(1);
        this.#need(1);
        this.#bytes[this.#at++] = value === true ? 1 : 0;
        return;
      case "numeric":
        return this.#numeric(BigInt(value));
    }
  }

  #text(text: string): void {
    const start = this.sized();
    this.#utf8(text);
    this.end(start, false);
  }

  /** A half of a surrogate pair becomes U+FFFD, as everywhere. */
  #utf8(text: string): void {
    const length = text.length;
    this.#need(length * UTF8_BYTES_PER_UNIT_MAX);
    const [bytes, start] = [this.#bytes, this.#at];
    if (length <= SHORT_TEXT_MAX) {
      let seen = 0;
      for (let i = 0; i < length; i++) {
        const unit = text.charCodeAt(i);
        seen |= unit;
        bytes[start + i] = unit;
      }
      if (seen <= ASCII_MAX) {
        this.#at = start + length;
        return;
      }
    }
    this.#at += encoder.encodeInto(text, bytes.subarray(start)).written;
  }

  #int8(value: number): void {
    if (!Number.isSafeInteger(value)) {
      throw new UnwritableError(`Cannot write ${value} as a bigint`, codeOfNumber(value));
    }
    this.int4(8);
    this.#need(8);
    this.#view.setInt32(this.#at, Math.floor(value / TWO_32));
    this.#view.setInt32(this.#at + 4, value); // modulo 2³²
    this.#at += 8;
  }

  /** Whole numbers of any size: digits to the base of 10,000, the highest first (numeric_send() of numeric.c). */
  #numeric(value: bigint): void {
    const start = this.sized();
    const header = this.#at;
    this.#need(8);
    this.#at += 8;
    const digits: number[] = [];
    let rest = value < 0n ? -value : value;
    for (; rest > SAFE_MAX; rest /= 10_000n) {
      digits.push(Number(rest % 10_000n));
    }
    for (let low = Number(rest); low > 0; low = Math.floor(low / 10_000)) digits.push(low % 10_000);
    for (let i = digits.length - 1; i >= 0; i--) this.int2(digits[i] ?? 0);
    this.#view.setInt16(header, digits.length);
    this.#view.setInt16(header + 2, Math.max(0, digits.length - 1)); // the power of the first digit
    this.#view.setUint16(header + 4, value < 0n ? 0x4000 : 0); // sign
    this.#view.setInt16(header + 6, 0); // decimals shown
    this.end(start, false);
  }

  #need(count: number): void {
    const length = this.#at + count;
    if (length <= this.#bytes.length) return;
    if (length > OUTGOING_BYTES_MAX) {
      throw new UnwritableError(
        `Cannot write a message of over ${OUTGOING_BYTES_MAX} bytes`,
        "22P03",
      );
    }
    this.#resize(Math.max(length, this.#bytes.length * 2));
  }

  #resize(length: number): void {
    const bytes = new Uint8Array(length);
    bytes.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

export type PgValue = string | number | bigint | boolean | null;

function checkedInt4(value: number): number {
  if (Number.isInteger(value) && value <= INT4_MAX && value >= -INT4_MAX - 1) return value;
  throw new UnwritableError(`Cannot write ${value} as an integer`, codeOfNumber(value));
}

/** No integer at all (22P02), or one that is too large (22003). */
const codeOfNumber = (value: number) => Number.isInteger(value) ? "22003" : "22P02";
