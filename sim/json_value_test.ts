/** Values that satisfy their schemas. */

import assert from "node:assert/strict";
import { type Json, valueFor } from "./json_value.ts";
import { seeded } from "./random.ts";
import { sampleRegex } from "./regex_sample.ts";

const make = (schema: Json, seed = 1) => valueFor(schema, seeded(seed));

Deno.test("valueFor() fills every property within its bounds", () => {
  for (let seed = 0; seed < 50; seed++) {
    const made = make({
      type: "object",
      properties: {
        age: { type: "integer", minimum: 18, exclusiveMaximum: 21 },
        share: { type: "number", minimum: 0, maximum: 1 },
        name: { type: "string", minLength: 20, maxLength: 25 },
        tags: { type: "array", items: { enum: ["a", "b"] }, minItems: 2, maxItems: 2 },
        ok: { type: "boolean" },
        kind: { const: "x" },
        maybe: { type: ["null", "string"] },
      },
      required: ["age", "extra"],
    }, seed);
    assert.ok(typeof made === "object" && made !== null && !Array.isArray(made));
    assert.ok([18, 19, 20].includes(Number(made.age)), `age ${made.age}`);
    assert.ok(Number(made.share) >= 0 && Number(made.share) <= 1);
    assert.ok(String(made.name).length >= 20 && String(made.name).length <= 25);
    assert.equal(Array.isArray(made.tags) && made.tags.length, 2);
    assert.equal(made.kind, "x");
    assert.equal(typeof made.maybe, "string");
    assert.ok("extra" in made);
  }
});

Deno.test("valueFor() follows references, unions and merges, and ends where a schema contains itself", () => {
  const made = make({
    $ref: "#/$defs/Node",
    $defs: {
      Node: {
        type: "object",
        properties: {
          id: { allOf: [{ type: "integer" }, { minimum: 5 }] },
          next: { anyOf: [{ $ref: "#/$defs/Node" }, { type: "null" }] },
        },
        required: ["id"],
      },
    },
  });
  assert.ok(typeof made === "object" && made !== null && !Array.isArray(made));
  assert.ok(Number(made.id) >= 5);
  assert.ok(JSON.stringify(made).length < 2_000);
});

Deno.test("sampleRegex() draws texts that match", () => {
  const patterns = [
    "^[A-Z]{2}-\\d{3}$",
    "(a|bc)+x?",
    "[^a-z]{4}",
    "\\w+@\\w+\\.com",
    "(?:yes|no)!*",
  ];
  for (const pattern of patterns) {
    for (let seed = 0; seed < 30; seed++) {
      const made = sampleRegex(pattern, seeded(seed));
      assert.match(made, new RegExp(`^(?:${pattern})$`), `${pattern} gave ${made}`);
    }
  }
  assert.throws(() => sampleRegex("(?=a)b", seeded(1)), RangeError);
});
