/** JSON as Python prints it, and what Python says of text that is not JSON. */

import assert from "node:assert/strict";
import { compact, dumps, floatText, loads, repr } from "./json.ts";
import { jsonError } from "./json_error.ts";

Deno.test("dumps() writes spaces and escapes what is not ASCII", () => {
  assert.equal(dumps({ a: [1, "é😀"], b: null }), '{"a": [1, "\\u00e9\\ud83d\\ude00"], "b": null}');
});

Deno.test("repr() keeps floats apart from integers and quotes as Python does", () => {
  const value = loads(
    `{"a":1,"b":1.0,"c":1e-7,"d":"it's","e":"\\"q\\"","f":"\\n\\u0001","g":[true,null]}`,
  );
  assert.equal(
    repr(value),
    `{'a': 1, 'b': 1.0, 'c': 1e-07, 'd': "it's", 'e': '"q"', 'f': '\\n\\x01', 'g': [True, None]}`,
  );
});

Deno.test("compact() writes floats with their point and no spaces", () => {
  assert.equal(compact(loads('{"t": 1.0, "n": 2, "s": "é"}')), '{"t":1.0,"n":2,"s":"é"}');
  assert.equal(floatText(0.1), "0.1");
});

Deno.test("jsonError() names the problem and its place as CPython does", () => {
  // pairs printed by json.loads of CPython 3.11
  const cases: [string, string, number][] = [
    ["", "Expecting value", 0],
    ["{", "Expecting property name enclosed in double quotes", 1],
    ['{"a"', "Expecting ':' delimiter", 4],
    ['{"a":', "Expecting value", 5],
    ['{"a":1', "Expecting ',' delimiter", 6],
    ['{"a":1,}', "Expecting property name enclosed in double quotes", 7],
    ["[1,]", "Expecting value", 3],
    ["[1 2]", "Expecting ',' delimiter", 3],
    ['"abc', "Unterminated string starting at", 0],
    ['"\u0001"', "Invalid control character at", 1],
    ['{"a":1} x', "Extra data", 8],
    ["01", "Extra data", 1],
  ];
  for (const [text, message, position] of cases) {
    assert.deepEqual(jsonError(text), { message, position }, text);
  }
  assert.equal(jsonError('{"a":[1,"x",null]}'), null);
});
