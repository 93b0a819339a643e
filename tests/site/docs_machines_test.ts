/** What programs read of the site: sitemap, feed, robots, llms.txt, OpenAPI and link previews, of a real replica. */
import assert from "node:assert/strict";
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { ERROR_TABLE } from "@/lib/kernel/errors.ts";
import { withSite } from "./support.ts";

/** The deployment names itself by its configured origin; here it listens elsewhere. */
const ORIGIN = "http://localhost:8000";

async function read(url: string): Promise<{ response: Response; text: string }> {
  const response = await fetch(url);
  return { response, text: await response.text() };
}

Deno.test("the sitemap names pages that answer, each with itself as canonical address, and none twice", async () => {
  await withSite(async ({ url }) => {
    const { response, text } = await read(`${url}/sitemap.xml`);
    assert.match(response.headers.get("content-type") ?? "", /^application\/xml/);
    assert.equal(XMLValidator.validate(text), true);
    const parsed = new XMLParser().parse(text);
    const listed: string[] = parsed.urlset.url.map(({ loc }: { loc: string }) => loc);
    assert.equal(new Set(listed).size, listed.length);
    assert.ok(listed.length > 70, `only ${listed.length}`);
    const gone: string[] = [];
    for (const address of listed) {
      assert.ok(address.startsWith(`${ORIGIN}/`), address);
      const page = await read(url + address.slice(ORIGIN.length));
      if (page.response.status !== 200) {
        gone.push(address);
        continue;
      }
      const [, canonical] = /<link rel="canonical" href="([^"]*)"/.exec(page.text) ?? [];
      assert.equal(canonical, address);
      const [, image = ""] = /property="og:image" content="([^"]*)"/.exec(page.text) ?? [];
      assert.ok(image.startsWith(`${ORIGIN}/og/`), `${address}: ${image}`);
    }
    assert.deepEqual(gone, []);
  });
});

Deno.test("feed, robots, llms.txt and OpenAPI are whole, name what exists, and answer 304 the second time", async () => {
  await withSite(async ({ url }) => {
    const feed = await read(`${url}/feed.xml`);
    assert.equal(XMLValidator.validate(feed.text), true);
    const { feed: { entry, id, updated, author } } = new XMLParser().parse(feed.text);
    assert.ok(entry.length >= 18 && id && updated && author.name);
    for (const { id, title, updated, summary } of entry) {
      assert.ok(title && summary && !Number.isNaN(Date.parse(updated)), id);
    }
    const robots = await read(`${url}/robots.txt`);
    assert.match(robots.text, new RegExp(`^Sitemap: ${ORIGIN}/sitemap.xml$`, "m"));

    const llms = await read(`${url}/llms.txt`);
    assert.match(llms.text, /^# Emberlane\n\n> /);
    const gone: string[] = [];
    for (const [, address = ""] of llms.text.matchAll(/\]\(([^)]+)\)/g)) {
      assert.ok(address.startsWith(ORIGIN), address);
      const response = await fetch(url + address.slice(ORIGIN.length));
      await response.body?.cancel();
      if (response.status !== 200) gone.push(address);
    }
    assert.deepEqual(gone, []);
    const full = await read(`${url}/llms-full.txt`);
    for (const code of Object.keys(ERROR_TABLE)) assert.ok(full.text.includes(code), code);
    assert.doesNotMatch(full.text, /\{\{/);

    for (
      const path of ["/feed.xml", "/robots.txt", "/llms.txt", "/sitemap.xml", "/api/openapi.json"]
    ) {
      const first = await fetch(url + path);
      await first.body?.cancel();
      const etag = first.headers.get("etag") ?? "";
      const again = await fetch(url + path, { headers: { "if-none-match": etag } });
      assert.equal(again.status, 304, path);
    }
    const api = JSON.parse((await read(`${url}/api/openapi.json`)).text);
    assert.equal(api.openapi, "3.1.0");
    assert.equal(api.servers[0].url, ORIGIN);
  });
});

Deno.test("a page that exists has a preview of the right size, and no other path has one", async () => {
  await withSite(async ({ url }) => {
    for (
      const path of [
        "/og/index.png",
        "/og/docs/api.png",
        "/og/models/acme/coder-7b.png",
        "/og/glossary/fp8.png",
      ]
    ) {
      const response = await fetch(url + path);
      assert.equal(response.status, 200, path);
      assert.equal(response.headers.get("content-type"), "image/png");
      const view = new DataView(await response.arrayBuffer());
      assert.deepEqual([view.getUint32(0), view.getUint32(16), view.getUint32(20)], [
        0x89504e47,
        1_200,
        630,
      ]);
      // A card without its text is a tenth of the size.
      assert.ok(view.byteLength > 60_000, `${path}: ${view.byteLength}`);
    }
    for (const path of ["/og/nothing.png", "/og/index.jpg", "/og/..%2findex.png"]) {
      const response = await fetch(url + path);
      await response.body?.cancel();
      assert.equal(response.status, 404, path);
    }
  });
});
