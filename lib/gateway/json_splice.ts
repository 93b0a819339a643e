/**
 * Edits the top-level members of a JSON object as text, leaving every other byte as the client wrote it. Parsing and
 * writing a body again would cost ten times a proxy's work and would change numbers, order and escapes.
 * The text must already have been accepted by JSON.parse.
 */

/** One member of the object: where its key's quote opens and where its value ends, as string offsets. */
export type Member = { key: string; start: number; valueStart: number; end: number };

/** A key and its new value as JSON text, or null to take it out. */
export type Edit = readonly [key: string, value: string | null];

/** The top-level members of the object in `text`, from the brace at or after `from`. */
export function membersOf(text: string, from = 0): Member[] {
  const members: Member[] = [];
  let at = skipSpace(text, text.indexOf("{", from) + 1);
  while (text.charCodeAt(at) === 0x22) {
    const start = at;
    const keyEnd = stringEnd(text, at);
    const key = keyOf(text.slice(start, keyEnd));
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1); // past the colon
    const end = valueEnd(text, valueStart);
    members.push({ key, start, valueStart, end });
    at = skipSpace(text, end);
    if (text.charCodeAt(at) !== 0x2c) break;
    at = skipSpace(text, at + 1);
  }
  return members;
}

/**
 * Returns `text` with every member named in `edits` taken out and, where the edit is not null, put back with that
 * JSON text as its value, first in the object. Duplicates of a key go too, so no parser downstream can prefer one. The
 * keys of `edits` are ours, and need no escape.
 */
export function editMembers(text: string, edits: readonly Edit[]): string {
  const open = text.indexOf("{") + 1;
  let inside = "";
  for (const [key, value] of edits) {
    if (value !== null) inside += `${inside === "" ? "" : ","}"${key}":${value}`;
  }
  // Neighbouring kept members are one slice, with what stands between them.
  let runStart = -1;
  let runEnd = -1;
  const endRun = () => {
    if (runStart !== -1) inside += (inside === "" ? "" : ",") + text.slice(runStart, runEnd);
    runStart = -1;
  };
  for (const { key, start, end } of membersOf(text)) {
    if (edits.some(([edited]) => edited === key)) endRun();
    else {
      if (runStart === -1) runStart = start;
      runEnd = end;
    }
  }
  endRun();
  return text.slice(0, open) + inside + text.slice(text.lastIndexOf("}"));
}

/** Most keys are written without an escape. */
function keyOf(json: string): string {
  return json.includes("\\") ? String(JSON.parse(json)) : json.slice(1, -1);
}

/** Past the closing quote of the string that opens at `open`. */
export function stringEnd(text: string, open: number): number {
  for (
    let quote = text.indexOf('"', open + 1);
    quote !== -1;
    quote = text.indexOf('"', quote + 1)
  ) {
    let slashes = 0;
    while (text.charCodeAt(quote - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) return quote + 1;
  }
  return text.length;
}

/** Past the JSON value that begins at `start`. */
export function valueEnd(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === 0x22) return stringEnd(text, start);
  if (first !== 0x7b && first !== 0x5b) {
    let end = start;
    while (end < text.length && !endsScalar(text.charCodeAt(end))) end++;
    return end;
  }
  let depth = 0;
  for (let at = start; at < text.length;) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      at = stringEnd(text, at);
      continue;
    }
    at++;
    if (code === 0x7b || code === 0x5b) depth++;
    else if ((code === 0x7d || code === 0x5d) && --depth === 0) return at;
  }
  return text.length;
}

function endsScalar(code: number): boolean {
  return code === 0x2c || code === 0x7d || code === 0x5d || code === 0x20 ||
    (code >= 0x09 && code <= 0x0d);
}

/** Past the white space at `from`. */
export function skipSpace(text: string, from: number): number {
  let at = from;
  while (true) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
    at++;
  }
}
