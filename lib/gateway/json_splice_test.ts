import assert from "node:assert/strict";
import fc from "fast-check";
import { editMembers, membersOf } from "./json_splice.ts";

Deno.test("membersOf() finds each top-level member and no nested one", () => {
  const text = ` { "a" : 1 ,"b":{"a":[2,"}"]}, "c\\"d":"x\\\\" ,"e":null}`;
  assert.deepEqual(membersOf(text).map((m) => [m.key, text.slice(m.valueStart, m.end)]), [
    ["a", "1"],
    ["b", '{"a":[2,"}"]}'],
    ['c"d', '"x\\\\"'],
    ["e", "null"],
  ]);
});

Deno.test("editMembers() replaces, removes and inserts and leaves the rest as written", () => {
  const text =
    `{"model": "m",  "n":1.0, "messages":[ {"content":"{\\"model\\":1}"} ],"priority":5}`;
  assert.equal(
    editMembers(text, [["model", '"up"'], ["priority", null], ["extra", "true"]]),
    `{"model":"up","extra":true,"n":1.0, "messages":[ {"content":"{\\"model\\":1}"} ]}`,
  );
});

Deno.test("editMembers() takes out every duplicate of a key, escaped spellings too", () => {
  const text = `{"mod\\u0065l":"x","a":1,"model":"y","b":2,"model":"z"}`;
  const edited = editMembers(text, [["model", '"only"']]);
  assert.equal(edited, `{"model":"only","a":1,"b":2}`);
});

Deno.test("editMembers() works on the empty object and when nothing is left", () => {
  assert.equal(editMembers("{}", [["a", "1"]]), `{"a":1}`);
  assert.equal(editMembers(`{"a":1}`, [["a", null]]), "{}");
});

Deno.test("editMembers() equals an edit of the parsed value, for any object", () => {
  const anyObject = fc.dictionary(
    fc.oneof(fc.constantFrom("model", "a", "__x"), fc.string()),
    fc.jsonValue(),
  );
  fc.assert(fc.property(anyObject, fc.boolean(), (value, pretty) => {
    const text = JSON.stringify(value, null, pretty ? 2 : undefined);
    const edited: unknown = JSON.parse(editMembers(text, [["model", '"new"'], ["a", null]]));
    const { a: _, ...rest } = JSON.parse(text) as Record<string, unknown>;
    assert.deepEqual(edited, { ...rest, model: "new" });
  }));
});
