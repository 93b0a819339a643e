/**
 * A tokenizer without a vocabulary file: a token is up to five letters or three digits with the space before it, one
 * of the chat markers, or a single code point. Ids are computed, so any id of its own can be turned back into text.
 */

import { assert } from "@/lib/kernel/assert.ts";

const PIECE = /<\|(?:im_start|im_end|endoftext)\|>| ?[A-Za-z]{1,5}| ?[0-9]{1,3}|[^]/gu;
const MARKERS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

// Ids: markers, then every code point, then numbers, then letter groups; each of the last two with and without a space.
const CODE_POINTS_AT = 16;
const NUMBERS_AT = CODE_POINTS_AT + 0x110000;
const NUMBER_GROUPS = 10 + 100 + 1_000;
const WORDS_AT = NUMBERS_AT + 2 * NUMBER_GROUPS;
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LETTER_GROUPS_MAX = 52 + 52 ** 2 + 52 ** 3 + 52 ** 4 + 52 ** 5;
const ID_END = WORDS_AT + 2 * LETTER_GROUPS_MAX;

/** Splits a text into its tokens; joined again they are the text. */
export function tokenize(text: string): string[] {
  return text.match(PIECE) ?? [];
}

/** The id of one token, as {@link tokenize} gives it. */
export function idOf(token: string): number {
  const marker = MARKERS.indexOf(token);
  if (marker >= 0) return marker;
  const spaced = token.length > 1 && token[0] === " " ? 1 : 0;
  const core = spaced ? token.slice(1) : token;
  if (/^[0-9]+$/.test(core)) return NUMBERS_AT + 2 * numberIndex(core) + spaced;
  if (/^[A-Za-z]+$/.test(core)) return WORDS_AT + 2 * letterIndex(core) + spaced;
  return CODE_POINTS_AT + (token.codePointAt(0) ?? 0);
}

/** The text of one id, or null when no token has it. */
export function tokenOf(id: number): string | null {
  if (!Number.isInteger(id) || id < 0 || id >= ID_END) return null;
  if (id < CODE_POINTS_AT) return MARKERS[id] ?? null;
  if (id < NUMBERS_AT) return String.fromCodePoint(id - CODE_POINTS_AT);
  const words = id >= WORDS_AT;
  const rest = id - (words ? WORDS_AT : NUMBERS_AT);
  const core = words ? letters(Math.floor(rest / 2)) : digits(Math.floor(rest / 2));
  return (rest % 2 === 1 ? " " : "") + core;
}

function numberIndex(core: string): number {
  return Number(core) + (core.length === 3 ? 110 : core.length === 2 ? 10 : 0);
}

function digits(index: number): string {
  if (index < 10) return String(index);
  if (index < 110) return String(index - 10).padStart(2, "0");
  return String(index - 110).padStart(3, "0");
}

/** Bijective base 52: every group of one to five letters has one number. */
function letterIndex(core: string): number {
  let n = 0;
  for (const letter of core) n = n * 52 + LETTERS.indexOf(letter) + 1;
  return n - 1;
}

function letters(index: number): string {
  let n = index + 1;
  let out = "";
  while (n > 0) {
    const digit = (n - 1) % 52;
    const letter = LETTERS[digit];
    assert(letter !== undefined, "a base-52 digit names a letter");
    out = letter + out;
    n = Math.floor((n - 1) / 52);
  }
  return out;
}
