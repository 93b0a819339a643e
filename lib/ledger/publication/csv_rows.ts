/** Reads CSV (RFC 4180) as PostgreSQL writes it: an empty field is nothing, `""` is an empty text. */

/** A row longer than this is none of ours. */
const ROW_CHARS_MAX = 1_000_000;

export type CsvRow = readonly (string | null)[];

/** Yields each row, the header too. Throws at a quote that is never closed, and at a row without end. */
export async function* csvRows(body: ReadableStream<Uint8Array>): AsyncGenerator<CsvRow> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  for await (const part of body) {
    rest += decoder.decode(part, { stream: true });
    let from = 0;
    for (let end = rowEnd(rest, from); end >= 0; end = rowEnd(rest, from)) {
      yield fieldsOf(rest.slice(from, end));
      from = end + 1;
    }
    rest = rest.slice(from);
    if (rest.length > ROW_CHARS_MAX) {
      throw new Error(`a row is longer than ${ROW_CHARS_MAX} characters`);
    }
  }
  rest += decoder.decode();
  if (rest !== "") yield fieldsOf(rest);
}

/** Where the row ends that begins at `from`: at a line feed outside quotes; -1 when that has not come yet. */
function rowEnd(text: string, from: number): number {
  for (let end = text.indexOf("\n", from);; end = text.indexOf("\n", end + 1)) {
    if (end < 0 || !isWithinQuotes(text, from, end)) return end;
  }
}

function isWithinQuotes(text: string, from: number, to: number): boolean {
  let quotes = 0;
  for (let at = text.indexOf('"', from); at >= 0 && at < to; at = text.indexOf('"', at + 1)) {
    quotes++;
  }
  return quotes % 2 === 1;
}

const FIELD = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;

function fieldsOf(line: string): CsvRow {
  const row = line.endsWith("\r") ? line.slice(0, -1) : line;
  const fields: (string | null)[] = [];
  FIELD.lastIndex = 0;
  while (true) {
    const match = FIELD.exec(row);
    if (match === null) throw new Error(`cannot read the row ${JSON.stringify(row.slice(0, 200))}`);
    const [, quoted, plain = "", end] = match;
    fields.push(
      quoted === undefined ? (plain === "" ? null : plain) : quoted.replaceAll('""', '"'),
    );
    if (end === "") return fields;
  }
}
