import assert from "node:assert/strict";
import { asset, assetSrcSet, useAssetHashes } from "./asset_url.ts";
import * as fresh from "./mod.ts";
import * as runtime from "./runtime.ts";

Deno.test("what routes and islands can import is what Fresh 2 exports too", () => {
  assert.deepEqual(Object.keys(fresh).sort(), [
    "HttpError",
    "createDefine",
    "csrf",
    "page",
    "trailingSlashes",
  ]);
  assert.deepEqual(Object.keys(runtime).sort(), [
    "Head",
    "IS_BROWSER",
    "Partial",
    "asset",
    "assetSrcSet",
  ]);
});

Deno.test("asset() names the content of a file it knows and leaves any other URL alone", () => {
  useAssetHashes({ "/a.css": "h1", "/b.svg": "h2" });
  assert.equal(asset("/a.css"), "/a.css?__frsh_c=h1");
  assert.equal(asset("/b.svg?x=1#icon"), "/b.svg?x=1&__frsh_c=h2#icon");
  assert.equal(asset(asset("/a.css")), "/a.css?__frsh_c=h1");
  assert.equal(asset("/none.css"), "/none.css");
  assert.equal(asset("https://other.example/a.css"), "https://other.example/a.css");
  assert.equal(
    assetSrcSet("/b.svg 1x, /none.svg 2x,/b.svg"),
    "/b.svg?__frsh_c=h2 1x, /none.svg 2x,/b.svg?__frsh_c=h2",
  );
});
