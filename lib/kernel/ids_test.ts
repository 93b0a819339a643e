/** Tests of ids.ts. */
import { equal, match, notEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import { instant } from "./clock.ts";
import { newId, newSecret, sha256Hex } from "./ids.ts";

Deno.test("newId() is a prefix, ten digits of time and sixteen random ones", () => {
  match(newId("req", instant(1_700_000_000_000)), /^req_[0-9a-hjkmnp-tv-z]{26}$/);
  equal(newId("mac", instant(0)).slice(4, 14), "0000000000");
  equal(newId("mac", instant(31)).slice(4, 14), "000000000z");
  equal(newId("mac", instant(32)).slice(4, 14), "0000000010");
});

Deno.test("newId() sorts as text by when it was made", () => {
  const time = fc.integer({ min: 0, max: 2 ** 50 - 1 });
  fc.assert(fc.property(time, time, (a, b) => {
    if (a === b) return;
    equal(newId("wak", instant(a)) < newId("wak", instant(b)), a < b);
  }));
});

Deno.test("newId() does not repeat within one millisecond, and uses every digit", () => {
  const ids = new Set(Array.from({ length: 2_000 }, () => newId("req", instant(1))));
  equal(ids.size, 2_000);
  // At every place, or its random bits would be fewer.
  for (let at = 14; at < 30; at++) equal(new Set([...ids].map((id) => id[at])).size, 32);
  const halves = new Set([...ids].flatMap((id) => [id.slice(14, 22), id.slice(22)]));
  equal(halves.size, 4_000);
});

Deno.test("newSecret() carries 256 bits and never repeats", () => {
  const secret = newSecret();
  match(secret, /^sk-ember-[\w-]{43}$/);
  notEqual(newSecret(), secret);
  ok(sha256Hex(secret) !== sha256Hex(newSecret()));
});

Deno.test("sha256Hex() agrees with the published test vector", () => {
  equal(sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});
