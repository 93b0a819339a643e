/** What Python's json module says, and where, of a text that is not JSON. */

export type JsonError = { readonly message: string; readonly position: number };

class Found extends Error {
  constructor(readonly problem: JsonError) {
    super(problem.message);
  }
}

/** The first problem of `text`, or null when Python would take it. Source: CPython's `json/decoder.py` and `scanner.py`. */
export function jsonError(text: string): JsonError | null {
  try {
    const end = space(text, value(text, space(text, 0)));
    return end === text.length ? null : { message: "Extra data", position: end };
  } catch (error) {
    if (error instanceof Found) return error.problem;
    throw error;
  }
}

function fail(message: string, position: number): never {
  throw new Found({ message, position });
}

function space(text: string, at: number): number {
  while (" \t\n\r".includes(text[at] ?? "x")) at++;
  return at;
}

/** Reads a value at `at`; gives the position after it. */
function value(text: string, at: number): number {
  const c = text[at];
  if (c === '"') return string(text, at + 1);
  if (c === "{") return object(text, at + 1);
  if (c === "[") return array(text, at + 1);
  for (const word of ["null", "true", "false", "NaN", "Infinity", "-Infinity"]) {
    if (text.startsWith(word, at)) return at + word.length;
  }
  const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/.exec(text.slice(at, at + 400));
  return number ? at + number[0].length : fail("Expecting value", at);
}

function object(text: string, at: number): number {
  at = space(text, at);
  if (text[at] === "}") return at + 1;
  for (;;) {
    if (text[at] !== '"') fail("Expecting property name enclosed in double quotes", at);
    at = space(text, string(text, at + 1));
    if (text[at] !== ":") fail("Expecting ':' delimiter", at);
    at = space(text, value(text, space(text, at + 1)));
    if (text[at] === "}") return at + 1;
    if (text[at] !== ",") fail("Expecting ',' delimiter", at);
    at = space(text, at + 1);
  }
}

function array(text: string, at: number): number {
  at = space(text, at);
  if (text[at] === "]") return at + 1;
  for (;;) {
    at = space(text, value(text, at));
    if (text[at] === "]") return at + 1;
    if (text[at] !== ",") fail("Expecting ',' delimiter", at);
    at = space(text, at + 1);
  }
}

function string(text: string, at: number): number {
  const start = at - 1;
  for (; at < text.length; at++) {
    const c = text[at] ?? "";
    if (c === '"') return at + 1;
    if (c < " ") fail("Invalid control character at", at);
    if (c !== "\\") continue;
    const escape = text[++at];
    if (escape === undefined) break;
    if (escape === "u") {
      if (!/^[0-9a-fA-F]{4}$/.test(text.slice(at + 1, at + 5))) fail("Invalid \\uXXXX escape", at);
      at += 4;
    } else if (!'"\\/bfnrt'.includes(escape)) fail("Invalid \\escape", at - 1);
  }
  return fail("Unterminated string starting at", start);
}
