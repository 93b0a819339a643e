import assert from "node:assert/strict";
import { compareShapes, routePattern } from "./route_pattern.ts";

const params = (file: string, path: string) => {
  const found = routePattern(file).match(path);
  return found === null ? null : { ...found };
};

Deno.test("routePattern() matches every kind of segment, and no more than it says", () => {
  const cases: [string, string, Record<string, string> | null][] = [
    ["index", "/", {}],
    ["about", "/about", {}],
    ["about", "/about/", null],
    ["(group)/about", "/about", {}],
    ["blog/[slug]", "/blog/a-b", { slug: "a-b" }],
    ["blog/[slug]", "/blog", null],
    ["blog/[slug]", "/blog/", null],
    ["blog/[slug]", "/blog/a/b", null],
    ["blog/[slug]/comments", "/blog/a/comments", { slug: "a" }],
    ["[id].json", "/7.json", { id: "7" }],
    ["[id].json", "/7xjson", null],
    ["[from]-[to]", "/a-b", { from: "a", to: "b" }],
    ["docs/[[version]]", "/docs", { version: "" }],
    ["docs/[[version]]/index", "/docs/v1", { version: "v1" }],
    ["docs/[[version]]", "/docs/v1/x", null],
    ["[[lang]]/index", "/", { lang: "" }],
    ["files/[...path]", "/files", { path: "" }],
    ["files/[...path]", "/files/a/b.txt", { path: "a/b.txt" }],
    ["files/[...path]", "/filesystem", null],
    ["[...all]", "/", { all: "" }],
    ["[...all]", "/x/y", { all: "x/y" }],
  ];
  for (const [file, path, expected] of cases) {
    assert.deepEqual(params(file, path), expected, `${file} on ${path}`);
  }
});

Deno.test("routePattern() names the pattern as Fresh does", () => {
  assert.equal(routePattern("blog/[slug]").pattern, "/blog/:slug");
  assert.equal(routePattern("docs/[[version]]/index").pattern, "/docs{/:version}?");
  assert.equal(routePattern("(a)/files/[...path]").pattern, "/files/:path*");
  assert.equal(routePattern("(a)/index").pattern, "/");
});

Deno.test("routePattern() decodes params but keeps an encoded slash, and refuses a broken escape", () => {
  assert.deepEqual(params("[name]", "/caf%C3%A9%20noir%2Fx"), { name: "café noir%2Fx" });
  assert.equal(params("[name]", "/%E0%A4%A"), null);
});

Deno.test("routePattern() keeps a parameter named like a member of Object", () => {
  assert.equal(routePattern("[constructor]").match("/x")?.constructor, "x");
});

Deno.test("routePattern() refuses what it cannot read", () => {
  for (const file of ["[a][b]", "a[", "pre-[[x]]", "[...a]-b", "[a", "x[...rest]"]) {
    assert.throws(() => routePattern(file), /Cannot route/, file);
  }
});

Deno.test("compareShapes() puts the more specific route first, segment by segment", () => {
  const files = [
    "[...all]",
    "blog/[...rest]",
    "blog/[slug]/[...rest]",
    "blog/[[page]]",
    "blog/[slug]",
    "blog/[id].json",
    "blog/[slug]/comments",
    "[section]/new",
    "blog/new",
  ];
  const sorted = files.toSorted((a, b) =>
    compareShapes(routePattern(a).shape, routePattern(b).shape)
  );
  assert.deepEqual(sorted, [
    "blog/new",
    "blog/[id].json",
    "blog/[slug]",
    "blog/[slug]/comments",
    "blog/[slug]/[...rest]",
    "blog/[[page]]",
    "blog/[...rest]",
    "[section]/new",
    "[...all]",
  ]);
});
