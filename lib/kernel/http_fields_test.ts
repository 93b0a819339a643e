/** Tests of http_fields.ts, against the grammar written as an expression. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { isFieldValue, isToken, readField, readFields, wholeNumber } from "./http_fields.ts";

const read = (line: string) => readField(line, 0, line.length);

Deno.test("readField() gives the name in lower case and the value without its blanks", () => {
  assert.deepEqual(read("Content-Type: application/json"), ["content-type", "application/json"]);
  assert.deepEqual(read("x-a:\t b \tc \t"), ["x-a", "b \tc"]);
  assert.deepEqual(read("x-empty:"), ["x-empty", ""]);
  assert.deepEqual(read("x-blank: \t"), ["x-blank", ""]);
  assert.deepEqual(read("x-latin: \xe9\xa0"), ["x-latin", "\xe9\xa0"]);
  assert.deepEqual(read("x-time: 10:00"), ["x-time", "10:00"]);
});

Deno.test("readField() reads no further than its line", () => {
  const text = "a: b\r\nc: d\r\n";
  assert.deepEqual(readField(text, 0, 4), ["a", "b"]);
  assert.deepEqual(readField(text, 6, 10), ["c", "d"]);
  assert.equal(readField("nothing\r\nc: d", 0, 7), null, "the colon is of the next line");
});

for (
  const [what, line] of [
    ["no colon", "content-length 5"],
    ["no name", ": 5"],
    ["nothing", ""],
    ["a blank before the colon", "content-length : 5"],
    ["a folded line", " folded: 5"],
    ["a control character in the name", "con\0tent: 5"],
    ["a name beyond ASCII", "n\xe4me: 5"],
    ["a bare line feed", "a: b\nc"],
    ["a bare carriage return", "a: b\rc"],
    ["a NUL", "a: \0"],
    ["a DEL", "a: \x7f"],
  ] as const
) {
  Deno.test(`readField() refuses ${what}`, () => assert.equal(read(line), null));
}

Deno.test("readField() accepts what the grammar accepts", () => {
  const grammar = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*([\t\x20-\x7e\x80-\xff]*?)[\t ]*$/;
  const char = fc.oneof(
    fc.constantFrom(...":\t ab-\r\n\0\x7f\xff"),
    fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  );
  const line = fc.array(char, { maxLength: 12 }).map((chars) => chars.join(""));
  const named = fc.tuple(fc.constantFrom("a", "X-Y", "a b", ""), line).map(([n, v]) => `${n}:${v}`);
  fc.assert(
    fc.property(fc.oneof(line, named), (text) => {
      const known = grammar.exec(text);
      assert.deepEqual(read(text), known === null ? null : [known[1]?.toLowerCase(), known[2]]);
    }),
    { numRuns: 5_000 },
  );
});

const HEAD = "A: 1\r\nb: 2\r\na: 3\r\n";

Deno.test("readFields() joins the values of one name, in their order", () => {
  const fields = readFields(HEAD, 0, HEAD.length, 3);
  assert.ok(typeof fields === "object");
  assert.deepEqual([fields.get("a"), fields.get("b"), fields.get("c")], ["1, 3", "2", null]);
  assert.deepEqual([fields.countOf("a"), fields.countOf("c")], [2, 0]);
  assert.deepEqual(fields.entries(), [["a", "1"], ["b", "2"], ["a", "3"]]);
  const last = readFields(HEAD, 0, HEAD.length - 2, 3);
  assert.ok(typeof last === "object");
  assert.equal(last.get("a"), "1, 3", "the last line's end may be left off");
});

Deno.test("readFields() refuses one bad line, an empty one, and more than it was told", () => {
  assert.equal(readFields(`${HEAD}no field\r\n`, 0, HEAD.length + 10, 9), "malformed");
  assert.equal(readFields(`${HEAD}\r\n`, 0, HEAD.length + 2, 9), "malformed");
  assert.equal(readFields(HEAD, 0, HEAD.length, 2), "too many");
});

Deno.test("isToken(), isFieldValue() and wholeNumber() know their characters", () => {
  assert.deepEqual(["x-a", "POST", "", "a b", "a:", "\u0161"].map(isToken), [
    ...[true, true, false, false, false, false],
  ]);
  assert.deepEqual(["", "a\tb", "\xe9", "a\r", "a\n", "\0", "\x7f", "\u0161"].map(isFieldValue), [
    ...[true, true, true, false, false, false, false, false],
  ]);
  const numbers = ["0", "012", "999", "", "1000", "-1", "1.5", " 1", "\u0661"];
  assert.deepEqual(numbers.map((text) => wholeNumber(text, 3)), [
    ...[0, 12, 999, null, null, null, null, null, null],
  ]);
});
