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

/** `req_01hv…`: a prefix, the time in ten digits, then 80 random bits. Sorts by time as text. */
export function newId(prefix: IdPrefix, now: Instant): string {
  return `${prefix}_${timeText(now)}${base32(drawn())}`;
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

/** Random bytes for one id, of a supply: asking the system for each costs more than the id. No byte is given twice. */
function drawn(): Uint8Array {
  if (drawnTo + RANDOM_BYTES > pool.length) {
    pool = randomBytes(POOL_BYTES);
    drawnTo = 0;
  }
  drawnTo += RANDOM_BYTES;
  return pool.subarray(drawnTo - RANDOM_BYTES, drawnTo);
}

/** A 256-bit secret, `sk-ember-` and 43 characters of base64url. Shown once; only {@link sha256Hex} of it is stored. */
export function newSecret(): string {
  return `sk-ember-${randomBytes(32).toString("base64url")}`;
}

/** SHA-256 as 64 lower-case hex digits. `createHash` is 16 times faster than `crypto.subtle` on Deno. */
export function sha256Hex(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function base32(bytes: Uint8Array): string {
  let out = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += ALPHABET.charAt((held >>> bits) & 31);
    }
    held &= (1 << bits) - 1;
  }
  return out;
}
