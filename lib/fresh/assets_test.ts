import assert from "node:assert/strict";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { createApp } from "./app.ts";
import { serveAsset } from "./assets.ts";
import { makeBuild } from "./build.ts";

const root = new URL("./testdata/site", import.meta.url).pathname;
const build = await makeBuild(root, "quick");
const get = (path: string, headers: HeadersInit = {}, method = "GET") => {
  const url = new URL(path, "http://site.test");
  return serveAsset(build, new Request(url, { method, headers }), url, false);
};
const bytesOf = async (response: Response | null) =>
  new Uint8Array(await (response ?? new Response("missing")).arrayBuffer());
const bootUrl = build.manifest.boot[0] ?? "";

Deno.test("serveAsset() serves the encoding that the client likes best", async () => {
  const plain = await bytesOf(get(bootUrl));
  const cases: [string, string | null][] = [
    ["gzip, deflate, br, zstd", "br"],
    ["gzip", "gzip"],
    ["br;q=0, gzip;q=0.5", "gzip"],
    ["br;q=0.1, gzip;q=0.9", "gzip"],
    ["*", "br"],
    ["*;q=0", null],
    ["identity;q=1, br;q=0.5", null],
    ["zstd", null],
    ["brotli", null],
    ["", null],
  ];
  for (const [accept, expected] of cases) {
    const response = get(bootUrl, { "accept-encoding": accept });
    assert.equal(response?.headers.get("content-encoding") ?? null, expected, accept);
    assert.equal(response?.headers.get("vary"), "accept-encoding");
    const body = await bytesOf(response);
    assert.equal(response?.headers.get("content-length"), String(body.length));
    const unpacked = expected === "br"
      ? brotliDecompressSync(body)
      : expected === "gzip"
      ? gunzipSync(body)
      : body;
    assert.deepEqual(Uint8Array.from(unpacked), plain);
  }
});

Deno.test("serveAsset() keeps for ever only what its URL names", () => {
  const hash = build.manifest.assets["/app.css"] ?? "";
  assert.match(get(bootUrl)?.headers.get("cache-control") ?? "", /immutable/);
  assert.match(get(`/app.css?__frsh_c=${hash}`)?.headers.get("cache-control") ?? "", /immutable/);
  assert.equal(get("/app.css")?.headers.get("cache-control"), "public, no-cache");
  assert.equal(get("/app.css?__frsh_c=old")?.headers.get("cache-control"), "public, no-cache");
});

Deno.test("serveAsset() answers 304 to its own tag, per encoding", () => {
  const tagOf = (accept: string) =>
    get(bootUrl, { "accept-encoding": accept })?.headers.get("etag") ?? "";
  assert.notEqual(tagOf("br"), tagOf("gzip"));
  const status = (tag: string, accept: string) =>
    get(bootUrl, { "if-none-match": tag, "accept-encoding": accept })?.status;
  assert.equal(status(tagOf("br"), "br"), 304);
  assert.equal(status(`W/${tagOf("br")}, "other"`, "br"), 304);
  assert.equal(status("*", "br"), 304);
  assert.equal(status(tagOf("br"), "gzip"), 200);
  assert.equal(status('"other"', "br"), 200);
});

Deno.test("serveAsset() answers HEAD without a body and refuses other methods", async () => {
  const head = get("/robots.txt", {}, "HEAD");
  assert.equal(head?.headers.get("content-length"), "14");
  assert.equal((await bytesOf(head)).length, 0);
  assert.equal(get("/robots.txt", {}, "POST")?.status, 405);
});

Deno.test("serveAsset() reaches no file outside static/, however the path is spelled", async () => {
  const app = await createApp({ root });
  const paths = [
    "/../define.ts",
    "/%2e%2e/define.ts",
    "/..%2fdefine.ts",
    "/img/..%2f..%2fdefine.ts",
    "/%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2fdeno.json",
    "/img/%5c..%5c..%5cdefine.ts",
    "/static/robots.txt",
    "/robots.txt%00",
    "/robots.txt/",
    "/img",
    "/%E0%A4%A",
  ];
  for (const path of paths) {
    const response = await app.request(`http://site.test${path}`);
    assert.equal(response.status, 404, path);
    assert.doesNotMatch(await response.text(), /createDefine|"imports"/, path);
  }
  assert.equal((await app.request("/robots.txt")).status, 200);
});

Deno.test("serveAsset() forgets at once a chunk that is gone", () => {
  const gone = get("/_fresh/boot-OLD.js");
  assert.equal(gone?.status, 404);
  assert.equal(gone?.headers.get("cache-control"), "no-store");
});
