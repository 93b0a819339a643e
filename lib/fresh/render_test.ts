import assert from "node:assert/strict";
import { parse } from "devalue";
import { signal } from "@preact/signals";
import { createApp } from "./app.ts";

const root = new URL("./testdata/site", import.meta.url).pathname;
const told: unknown[] = [];
const app = await createApp({ root, onError: (error) => told.push(error) });
const html = async (path: string, headers: HeadersInit = {}) =>
  await (await app.request(path, { headers })).text();

Deno.test("a page without islands ships no script", async () => {
  for (const path of ["/", "/about", "/cart", "/nope"]) {
    assert.doesNotMatch(await html(path), /<script|modulepreload|is-land/, path);
  }
});

Deno.test("an island's page ships the boot script, and preloads only islands that load at once", async () => {
  const page = await html("/islands");
  const scripts = [...page.matchAll(/<script type="module" src="([^"]+)"/g)].map(([, src]) => src);
  assert.equal(scripts.length, 1);
  assert.match(scripts[0] ?? "", /^\/_fresh\/boot-\w+\.js$/);
  assert.match(page, /modulepreload" href="\/_fresh\/Counter-/);
  assert.doesNotMatch(page, /modulepreload" href="\/_fresh\/(Fold|Late)-/);
});

Deno.test("only the islands of a page are on it, those beside their route too", async () => {
  const page = await html("/nest");
  assert.match(page, /<aside><is-land n="routes\/nest\/\(_islands\)\/Near" i="0:0"/);
  assert.match(page, /<b>near<\/b><\/is-land><\/aside>/);
  assert.doesNotMatch(page, /Counter/);
});

Deno.test("no page holds anything that a CSP without unsafe-inline would block", async () => {
  for (const path of ["/", "/islands", "/partials/two", "/nope", "/throws?status=403"]) {
    const page = await html(path);
    for (
      const [, attributes = "", body = ""] of page.matchAll(/<script([^>]*)>(.*?)<\/script>/gs)
    ) {
      const isData = attributes.includes('type="application/json"');
      assert.ok(isData || (attributes.includes(' src="/_fresh/') && body === ""), path);
    }
    assert.doesNotMatch(page, /<style| style=| on\w+="/, path);
  }
});

Deno.test("props reach the browser as what they are, and cannot close their script", async () => {
  const page = await html("/islands");
  const [, data = ""] = /id="fresh-props-0">(.*?)<\/script>/s.exec(page) ?? [];
  assert.doesNotMatch(data, /</);
  const props: Record<string, unknown>[] = parse(data, {
    Signal: ([value]: [unknown]) => signal(value),
  });
  assert.equal(props[0]?.count, props[1]?.count); // one signal, given twice
  assert.deepEqual(props[2], {
    at: new Date(0),
    big: 12345678901234567890n,
    list: new Map([["a", [1, 2]]]),
    text: "</script><!--<script>",
  });
  assert.match(page, /&lt;\/script>&lt;!--&lt;script>|&lt;\/script&gt;&lt;!--&lt;script&gt;/);
});

Deno.test("JSX props are rendered in place, or kept in a template until they are shown", async () => {
  const page = await html("/islands");
  assert.match(
    page,
    /<button type="button" ?><is-slot n="title"><em>Title <is-land n="[^"]+Near" i="0:4"/,
  );
  assert.match(page, /<template n="children"><is-land n="Counter" i="0:5"/);
});

Deno.test("a prop that cannot be sent fails the page and names the island", async () => {
  told.length = 0;
  assert.equal((await app.request("/bad_island")).status, 500);
  assert.match(String(told[0]), /Cannot send the props of Counter .*label/);
});

Deno.test("useId() is unique across the islands of a page", async () => {
  const ids = [...(await html("/islands")).matchAll(/<output id="([^"]+)"/g)].map(([, id]) => id);
  assert.equal(ids.length, 3);
  assert.equal(new Set(ids).size, 3);
});

Deno.test("<Head> replaces the app's title and metadata, once, and adds the rest", async () => {
  const page = await html("/");
  assert.equal(page.match(/<title>/g)?.length, 1);
  assert.match(page, /<title>Home &amp; away<\/title>/);
  assert.equal(page.match(/name="description"/g)?.length, 1);
  assert.match(page, /name="description" content="Says &quot;hello&quot; &lt;once>"/);
  assert.match(page, /<meta property="og:title" content="Home"\/?><link rel="canonical"/);
  assert.match(page, /content="black"/);
  assert.doesNotMatch(page, /content="white"/);
  assert.doesNotMatch(page.slice(page.indexOf("<body")), /<title|<meta|<link/);
});

Deno.test("<Head> of one page does not reach the next", async () => {
  await html("/");
  const page = await html("/about");
  assert.match(page, /<title>Site<\/title>/);
  assert.match(page, /content="The default"/);
});

Deno.test("a page that fails half-way leaves nothing behind for the next", async () => {
  await html("/nest/deep/throws");
  assert.match(await html("/islands"), /i="0:0"/);
  assert.doesNotMatch(await html("/about"), /is-land/);
});

Deno.test("<Partial> is marked by comments and brings its script, under the id that was asked for", async () => {
  const page = await html("/partials/two");
  assert.match(page, /<!--fresh:partial:replace:main--><main>.*<!--\/fresh:partial-->/s);
  assert.match(page, /<script type="module" src="\/_fresh\/partials-\w+\.js">/);
  const partial = await html("/partials/two?fresh-partial=true", { "x-fresh-partial-id": "7" });
  assert.match(partial, /class="how">swapped/);
  assert.match(partial, /id="fresh-props-p7"/);
  assert.match(partial, /i="p7:0"/);
  const forged = await html("/partials/two?fresh-partial=true", { "x-fresh-partial-id": '"><x' });
  assert.match(forged, /id="fresh-props-0"/);
});
