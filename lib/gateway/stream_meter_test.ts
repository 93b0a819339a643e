import assert from "node:assert/strict";
import fc from "fast-check";
import { numberAfter } from "./stream_meter.ts";

const N = '"n":';

Deno.test("numberAfter() reads the first whole number of its name, from where it is told to look", () => {
  const text = `{"n":1, "m":"\\"n\\":9","n": 23,"n" :4}`;
  assert.equal(numberAfter(text, N), 1);
  assert.equal(numberAfter(text, N, 5), 23);
  assert.equal(numberAfter(text, '"x":'), null);
  assert.equal(numberAfter(`{"n":\n\t 7}`, N), 7);
  assert.equal(numberAfter(`{"n":0}`, N), 0);
});

Deno.test("numberAfter() reads nothing that is no count", () => {
  for (const value of ["", "-1", "null", '"5"', "{", "9007199254740992", "99999999999999999999"]) {
    assert.equal(numberAfter(`{"n":${value}`, N), null, value);
  }
  assert.equal(numberAfter(`{"n":9007199254740991}`, N), Number.MAX_SAFE_INTEGER);
});

Deno.test("numberAfter() reads what JSON.stringify() writes", () => {
  fc.assert(fc.property(fc.maxSafeNat(), (n) => {
    assert.equal(numberAfter(JSON.stringify({ a: "x", n }), N), n);
    assert.equal(numberAfter(JSON.stringify({ n }, null, 2), N), n);
  }));
});
