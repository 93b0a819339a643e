/** CSV as PostgreSQL writes it, however it is cut. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { csvRows } from "./csv_rows.ts";

function cut(text: string, size: number): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) parts.push(bytes.slice(at, at + size));
  return ReadableStream.from(parts);
}

const rowsOf = (text: string, size = 1) => Array.fromAsync(csvRows(cut(text, size)));

Deno.test("csvRows() tells nothing from an empty text, and reads quotes, commas and line feeds within them", async () => {
  assert.deepEqual(await rowsOf('a,b,c\n1,,""\n"x,""y""","z\nz",\n,é\n'), [
    ...[["a", "b", "c"], ["1", null, ""], ['x,"y"', "z\nz", null], [null, "é"]],
  ]);
  assert.deepEqual(await rowsOf("a,b\r\n1,2"), [["a", "b"], ["1", "2"]]);
  assert.deepEqual(await rowsOf(""), []);
});

Deno.test("csvRows() refuses a quote that is never closed or stands in a word, and text that is not UTF-8", async () => {
  for (const text of ['a,"b\n', 'a,b"c"\n', '"a"b,c\n']) await assert.rejects(rowsOf(text), text);
  await assert.rejects(Array.fromAsync(csvRows(ReadableStream.from([new Uint8Array([0xff, 10])]))));
});

Deno.test("csvRows() gives back any rows that were written, at any cut", async () => {
  const field = fc.oneof(
    fc.constant(null),
    fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "é", " ") }),
  );
  const written = (rows: (string | null)[][]) =>
    rows.map((row) =>
      row.map((one) => one === null ? "" : `"${one.replaceAll('"', '""')}"`).join(",") + "\n"
    ).join("");
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 5 }),
      fc.integer({ min: 1, max: 9 }),
      async (rows, size) => assert.deepEqual(await rowsOf(written(rows), size), rows),
    ),
    { numRuns: 300 },
  );
});
