/** Tokens, their ids, and the way back. */

import assert from "node:assert/strict";
import { idOf, tokenize, tokenOf } from "./tokenizer.ts";

Deno.test("tokenize() loses nothing, and ids lead back to the same tokens", () => {
  const text = "<|im_start|>user\nHello, wörld!  12345 a 😀 zZZzz007<|im_end|>\n";
  const tokens = tokenize(text);
  assert.equal(tokens.join(""), text);
  assert.deepEqual(tokens.map((token) => tokenOf(idOf(token))), tokens);
});

Deno.test("tokenize() keeps the space with its word and splits after five letters or three digits", () => {
  assert.deepEqual(tokenize("simulated 12345 a"), ["simul", "ated", " 123", "45", " a"]);
});

Deno.test("tokenOf() knows no id outside its range", () => {
  assert.equal(tokenOf(-1), null);
  assert.equal(tokenOf(2 ** 40), null);
  assert.equal(tokenOf(1.5), null);
});
