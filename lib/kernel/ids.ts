/** Ids that say what they name and sort by when they were made; secrets that cannot be guessed. */
import { createHash, randomBytes } from "node:crypto";
import type { Instant } from "./clock.ts";

/** What an id may name. */
export type IdPrefix =
  | "req"
  | "mac"
  | "wak"
  | "opr"
  | "key"
  | "acc"
  | "rep"
  | "lin"
  | "prc"
  | "pub";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"; // Crockford's base 32: no i, l, o, u
const TIME_DIGITS = 10; // 50 bits of milliseconds: good until the year 37,000
const POOL_BYTES = 4_000;
const RANDOM_BYTES = 10; // 80 bits: no collision in any one millisecond
const DIGITS = Uint8Array.from(ALPHABET, (char) => char.charCodeAt(0));

/** `req_01hv…`: a prefix, the time in ten digits, then 80 random bits. Sorts by time as text. */
export function newId(prefix: IdPrefix, now: Instant): string {
  return `${prefix}_${timeText(now)}${drawn()}`;
}

let timeKnown = NaN;
let timeTextKnown = "";

/** Ids made in one millisecond share it. */
function timeText(now: number): string {
  if (now === timeKnown) return timeTextKnown;
  let time = "";
  for (let rest = now, i = 0; i < TIME_DIGITS; i++) {
    time = ALPHABET.charAt(rest % 32) + time;
    rest = Math.floor(rest / 32);
  }
  timeKnown = now;
  return timeTextKnown = time;
}

let pool: Uint8Array = new Uint8Array();
let drawnTo = 0;

/**
 * Random digits for one id, of a supply of bytes: asking the system for each costs more than the id. No byte is used
 * twice.
 */
function drawn(): string {
  if (drawnTo + RANDOM_BYTES > pool.length) {
    pool = randomBytes(POOL_BYTES);
    drawnTo = 0;
  }
  drawnTo += RANDOM_BYTES;
  return digitsOf(drawnTo - RANDOM_BYTES) + digitsOf(drawnTo - RANDOM_BYTES / 2);
}

/** Five bytes are eight digits. */
function digitsOf(at: number): string {
  const [a, b, c] = [pool[at] ?? 0, pool[at + 1] ?? 0, pool[at + 2] ?? 0];
  const [d, e] = [pool[at + 3] ?? 0, pool[at + 4] ?? 0];
  return String.fromCharCode(
    digit(a >> 3),
    digit(a << 2 | b >> 6),
    digit(b >> 1),
    digit(b << 4 | c >> 4),
    digit(c << 1 | d >> 7),
    digit(d >> 2),
    digit(d << 3 | e >> 5),
    digit(e),
  );
}

const digit = (bits: number): number => DIGITS[bits & 31] ?? 0;

/** A 256-bit secret, `sk-ember-` and 43 characters of base64url. Shown once; only {@link sha256Hex} of it is stored. */
export function newSecret(): string {
  return `sk-ember-${randomBytes(32).toString("base64url")}`;
}

/** SHA-256 as 64 lower-case hex digits. `createHash` is 16 times faster than `crypto.subtle` on Deno. */
export function sha256Hex(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
