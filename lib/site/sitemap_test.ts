import assert from "node:assert/strict";
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { machineReply } from "./machine_reply.ts";
import type { ListedPage } from "./pages.ts";
import { atomFeed, sitemapXml } from "./sitemap.ts";
import { escapeXml } from "./xml.ts";

const page = (path: string, updated: string | null, kind: ListedPage["kind"]): ListedPage => ({
  path,
  title: `T & <${path}>`,
  description: "A 'summary'",
  group: "G & H",
  kind,
  updated,
});
const PAGES = [
  page("/", null, "page"),
  page("/learn/a/old", "2026-01-02", "article"),
  page("/learn/a/new", "2026-03-04", "article"),
];
const feed = (pages: readonly ListedPage[]) =>
  atomFeed(pages, { name: "N & M", origin: "https://e.test", author: "A", since: "2026-01-01" });

Deno.test("sitemapXml() is well-formed and dates only what has a date", () => {
  const text = sitemapXml(PAGES, "https://e.test");
  assert.equal(XMLValidator.validate(text), true);
  assert.equal(text.match(/<loc>/g)?.length, 3);
  assert.equal(text.match(/<lastmod>/g)?.length, 2);
});

Deno.test("atomFeed() lists articles alone, newest first, and carries the newest one's date", () => {
  const text = feed(PAGES);
  assert.equal(XMLValidator.validate(text), true);
  const { feed: parsed } = new XMLParser().parse(text);
  assert.deepEqual(parsed.entry.map((entry: { id: string }) => entry.id), [
    "https://e.test/learn/a/new",
    "https://e.test/learn/a/old",
  ]);
  assert.equal(parsed.updated, "2026-03-04T00:00:00Z");
});

Deno.test("atomFeed() of no articles is still a feed with a date", () => {
  const text = feed([]);
  assert.equal(XMLValidator.validate(text), true);
  assert.match(text, /<updated>2026-01-01T00:00:00Z<\/updated>/);
});

Deno.test("escapeXml() escapes five characters and drops those XML cannot hold", () => {
  assert.equal(escapeXml(`<a b="c">&'\u0000\u001f`), "&lt;a b=&quot;c&quot;&gt;&amp;&apos;");
});

Deno.test("machineReply() answers 304 to who names the same content, and 200 to anybody else", async () => {
  const reply = (tag?: string, text = "body") =>
    machineReply(
      new Request("http://h/", { headers: tag === undefined ? {} : { "if-none-match": tag } }),
      {
        text,
        type: "text/plain",
        freshS: 60,
      },
    );
  const etag = reply().headers.get("etag") ?? "";
  assert.equal(reply(etag).status, 304);
  assert.equal(reply(`"x", W/${etag}`).status, 304);
  assert.equal(await reply(etag).text(), "");
  assert.equal(reply(etag, "other").status, 200);
  assert.equal(reply('"x"').status, 200);
});
