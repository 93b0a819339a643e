import assert from "node:assert/strict";
import { headTags, mergeHead } from "./head.ts";

const merged = (inner: string, added: string) => mergeHead(inner, headTags(added));

Deno.test("mergeHead() replaces in place what can stand only once", () => {
  assert.equal(
    merged(
      '<meta charset="utf-8"><title>Old</title><meta name="description" content="old">',
      '<meta name="description" content="new"><title>New</title>',
    ),
    '<meta charset="utf-8"><title>New</title><meta name="description" content="new">',
  );
});

Deno.test("mergeHead() adds what is new at the end and keeps what differs", () => {
  assert.equal(
    merged(
      '<meta property="og:title" content="a"><link rel="icon" href="/a.svg">',
      '<meta property="og:image" content="b"><link rel="icon" href="/b.svg">',
    ),
    '<meta property="og:title" content="a"><link rel="icon" href="/a.svg">' +
      '<meta property="og:image" content="b"><link rel="icon" href="/b.svg">',
  );
});

Deno.test("mergeHead() lets the last of several equals win", () => {
  assert.equal(merged("<title>a</title>", "<title>b</title><title>c</title>"), "<title>c</title>");
  assert.equal(
    merged('<link rel="canonical" href="/a">', '<link rel="canonical" href="/b">'),
    '<link rel="canonical" href="/b">',
  );
  assert.equal(
    merged('<meta id="x" name="a" content="1">', '<meta id="x" name="b" content="2">'),
    '<meta id="x" name="b" content="2">',
  );
});

Deno.test("headTags() is not misled by quoted angle brackets or by tags inside a script", () => {
  const script = '<script type="application/ld+json">{"a":"<title>x"}</script>';
  assert.deepEqual(
    headTags(`<meta name="d" content="a > b"/>text${script}`).map(({ html }) => html),
    ['<meta name="d" content="a > b"/>', script],
  );
});
