/** A text that a regular expression matches, for `structured_outputs.regex` and for `pattern` in JSON schemas. */

import type { Random } from "./random.ts";

const REPEAT_EXTRA_MAX = 4;
const WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
const DIGITS = "0123456789";
const PRINTABLE = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join("");

/**
 * One text matching `pattern`: alternation, groups, classes, quantifiers and the usual escapes.
 * @throws RangeError for look-arounds, back-references and what else cannot be drawn from.
 */
export function sampleRegex(pattern: string, random: Random): string {
  const reader = { pattern, at: 0, random };
  const out = alternatives(reader);
  if (reader.at < pattern.length) throw new RangeError(`Cannot draw from /${pattern}/`);
  return out;
}

type Reader = { readonly pattern: string; at: number; readonly random: Random };

/** Every branch is read, so that the reader ends after them; one is kept. */
function alternatives(r: Reader): string {
  const branches = [sequence(r)];
  while (r.pattern[r.at] === "|") {
    r.at++;
    branches.push(sequence(r));
  }
  return choose(r, branches);
}

function sequence(r: Reader): string {
  let out = "";
  while (r.at < r.pattern.length && r.pattern[r.at] !== "|" && r.pattern[r.at] !== ")") {
    const start = r.at;
    let piece = atom(r);
    const afterAtom = r.at;
    const times = quantifier(r);
    const afterQuantifier = r.at;
    if (times === 0) piece = "";
    for (let i = 1; i < times; i++) {
      r.at = start;
      piece += atom(r);
      r.at = afterAtom;
    }
    r.at = afterQuantifier;
    out += piece;
  }
  return out;
}

function atom(r: Reader): string {
  const c = r.pattern[r.at++];
  if (c === "^" || c === "$") return "";
  if (c === ".") return choose(r, [...WORD]);
  if (c === "[") return characterClass(r);
  if (c === "\\") return choose(r, [...escaped(r)]);
  if (c !== "(") return c ?? "";
  if (r.pattern.startsWith("?:", r.at)) r.at += 2;
  else if (r.pattern[r.at] === "?") throw new RangeError(`Cannot draw from /${r.pattern}/`);
  const inside = alternatives(r);
  if (r.pattern[r.at++] !== ")") throw new RangeError(`Cannot draw from /${r.pattern}/`);
  return inside;
}

/** The characters an escape stands for; `\b` stands for none. */
function escaped(r: Reader): string {
  const c = r.pattern[r.at++] ?? "";
  switch (c) {
    case "d":
      return DIGITS;
    case "w":
      return WORD;
    case "s":
      return " ";
    case "D":
      return "abcxyz";
    case "W":
      return " -.";
    case "S":
      return WORD;
    case "n":
      return "\n";
    case "t":
      return "\t";
    case "r":
      return "\r";
    case "b":
      return "";
    default:
      if (/[1-9pPkux]/.test(c)) throw new RangeError(`Cannot draw from /${r.pattern}/`);
      return c;
  }
}

function characterClass(r: Reader): string {
  const negated = r.pattern[r.at] === "^";
  if (negated) r.at++;
  let members = "";
  for (let first = true; first || r.pattern[r.at] !== "]"; first = false) {
    if (r.at >= r.pattern.length) throw new RangeError(`Cannot draw from /${r.pattern}/`);
    const from = r.pattern[r.at++] ?? "";
    if (from === "\\") {
      members += escaped(r);
    } else if (r.pattern[r.at] === "-" && r.pattern[r.at + 1] !== "]") {
      r.at++;
      const to = r.pattern[r.at++] ?? from;
      for (let code = from.charCodeAt(0); code <= to.charCodeAt(0); code++) {
        members += String.fromCharCode(code);
      }
    } else members += from;
  }
  r.at++;
  const allowed = negated ? [...PRINTABLE].filter((c) => !members.includes(c)) : [...members];
  return choose(r, allowed);
}

function quantifier(r: Reader): number {
  const c = r.pattern[r.at];
  let low = 1;
  let high = 1;
  const braces = /^\{(\d+)(,(\d*))?\}/.exec(r.pattern.slice(r.at));
  if (braces) {
    r.at += braces[0].length;
    low = Number(braces[1]);
    high = braces[2] === undefined ? low : braces[3] ? Number(braces[3]) : low + REPEAT_EXTRA_MAX;
  } else if (c === "*" || c === "+" || c === "?") {
    r.at++;
    low = c === "+" ? 1 : 0;
    high = c === "?" ? 1 : low + REPEAT_EXTRA_MAX;
  } else return 1;
  if (r.pattern[r.at] === "?") r.at++; // lazy or greedy: both match
  return low + Math.floor(r.random() * (high - low + 1));
}

function choose(r: Reader, from: readonly string[]): string {
  return from[Math.floor(r.random() * from.length)] ?? "";
}
