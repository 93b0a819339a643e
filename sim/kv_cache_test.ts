/** Blocks: sharing, growth, eviction. */

import assert from "node:assert/strict";
import { blockHashes, KvCache } from "./kv_cache.ts";

const tokens = (count: number, word = "x") =>
  Array.from({ length: count }, (_, i) => `${word}${i}`);

Deno.test("blockHashes() gives one hash per full block, each depending on all before it and the salt", () => {
  const hashes = blockHashes(tokens(50), "");
  assert.equal(hashes.length, 3);
  assert.deepEqual(blockHashes(tokens(40), ""), hashes.slice(0, 2));
  assert.notDeepEqual(blockHashes(tokens(50), "salt"), hashes);
  const other = blockHashes(["y", ...tokens(50).slice(1)], "");
  assert.notEqual(other[2], hashes[2]);
});

Deno.test("KvCache finds a prompt again after its release, but never its last token", () => {
  const cache = new KvCache(100, true);
  const hashes = blockHashes(tokens(50), "");
  assert.equal(cache.cachedTokens(hashes, 50), 0);
  const held = cache.take(hashes, 51);
  assert.ok(held);
  assert.equal(cache.usage(), 4 / 100);
  cache.release(held, hashes);
  assert.equal(cache.usage(), 0);
  assert.equal(cache.cachedTokens(hashes, 50), 48);
  assert.equal(cache.cachedTokens(hashes.slice(0, 3), 48), 32);
  cache.forget();
  assert.equal(cache.cachedTokens(hashes, 50), 0);
});

Deno.test("KvCache shares blocks of prompts that begin alike", () => {
  const cache = new KvCache(5, true);
  const hashes = blockHashes(tokens(32), "");
  assert.ok(cache.take(hashes, 33));
  assert.ok(cache.take(hashes, 33));
  assert.equal(cache.usage(), 4 / 5);
});

Deno.test("KvCache refuses what does not fit and grows only while there is room", () => {
  const cache = new KvCache(2, false);
  assert.equal(cache.take([], 33), null);
  const held = cache.take([], 16);
  assert.ok(held);
  assert.equal(cache.grow(held), true);
  assert.equal(cache.grow(held), false);
});

Deno.test("KvCache forgets the oldest idle blocks when it needs their room", () => {
  const cache = new KvCache(4, true);
  const old = blockHashes(tokens(32, "old"), "");
  const held = cache.take(old, 32);
  assert.ok(held);
  cache.release(held, old);
  assert.ok(cache.take([], 48));
  assert.equal(cache.cachedTokens(old, 33), 0);
});
