/** The content of the hub is whole, and a malformed file is named with its line. */
import assert from "node:assert/strict";
import { articleMarkdown } from "./article_markdown.ts";
import { ContentError } from "./content_error.ts";
import { type FigureName, FIGURES, figureText } from "./figures.ts";
import { buildLibrary, type ContentFile, loadLibrary } from "./library.ts";
import { htmlOf } from "./markdown.ts";
import { buildIndex, search } from "./search_index.ts";
import { FIXED_PAGES } from "./pages.ts";

const CONTENT = new URL("../../content/", import.meta.url);

const PRICING = { path: "/pricing", title: "Pricing", summary: "Prices." };
const PILLAR: ContentFile = {
  path: "learn/engines/_pillar.md",
  text: "---\ntitle: Engines\nsummary: About engines.\norder: 1\n---\n\nText.\n",
};
const head = (changes: Record<string, string | null> = {}) => {
  const fields: Record<string, string | null> = {
    ...{ title: "A title", summary: "An answer.", pillar: "engines", order: "1" },
    ...{ updated: "2026-11-21", sources: "\n  - title: A paper\n    url: https://example.org/" },
    ...changes,
  };
  return Object.entries(fields).flatMap(([key, value]) =>
    value === null ? [] : [`${key}: ${value}`]
  )
    .join("\n");
};
const article = (body: string, front = head()): ContentFile => ({
  path: "learn/engines/one.md",
  text: `---\n${front}\n---\n\n${body}\n`,
});

function problemsOf(...files: ContentFile[]): string {
  try {
    buildLibrary([PILLAR, ...files], [PRICING]);
  } catch (error) {
    assert.ok(error instanceof ContentError, String(error));
    return error.message;
  }
  return "";
}

Deno.test("the content of this repository is whole: every link, source, figure and island", async () => {
  const library = await loadLibrary(CONTENT, FIXED_PAGES);
  assert.equal(library.pillars.length, 5);
  assert.ok(library.articles.length >= 18, `${library.articles.length} articles`);
  assert.ok(library.terms.length >= 30, `${library.terms.length} terms`);
  for (const { path, text, headings, pillar } of library.articles) {
    const words = text.split(/\s+/).length;
    assert.ok(words >= 600 && words <= 1_600, `${path} has ${words} words`);
    assert.ok(headings.length >= 3, path);
    assert.notEqual(library.pillar(pillar), null);
  }
});

Deno.test("a malformed article is named with its file and line", () => {
  const cases: [string, ContentFile, RegExp][] = [
    [
      "no front matter",
      { path: "learn/engines/one.md", text: "Text" },
      /one\.md:1: begins without/,
    ],
    ["YAML", article("x [1]", "title: [a"), /one\.md:\d+: mend the YAML/],
    ["missing field", article("x [1]", head({ summary: null })), /one\.md:\d+: summary: add it/],
    ["bad field", article("x [1]", head({ updated: "soon" })), /one\.md:6: updated: write a day/],
    ["unknown field", article("x [1]", head({ author: "me" })), /one\.md:10: author: take out/],
    [
      "too long",
      article("x [1]", head({ summary: "x".repeat(321) })),
      /one\.md:3: summary: write at most 320/,
    ],
    ["no sources", article("x", head({ sources: "[]" })), /one\.md:7: sources: name at least one/],
    [
      "source without address",
      article("x [1]", head({ sources: "\n  - title: A" })),
      /sources\.0: give it a url or a note/,
    ],
    [
      "unknown pillar",
      article("x [1]", head({ pillar: "cooking" })),
      /pillar: no cooking: choose of engines/,
    ],
    ["uncited source", article("x"), /sources: nothing cites \[1\] A paper/],
    ["citation without source", article("x [1]\n\ny [2]"), /one\.md:\d+: \[2\] has no source/],
    [
      "broken link",
      article("x [1]\n\n[y](/learn/engines/two)"),
      /one\.md:14: link to \/learn\/engines\/two: no such page/,
    ],
    ["relative link", article("x [1] [y](two)"), /link to two: start it with/],
    [
      "see_also",
      article("x [1]", head({ see_also: "[/nowhere]" })),
      /one\.md:\d+: see_also: no page at \/nowhere/,
    ],
    ["figure", article("x [1] {{figure nothing}}"), /one\.md:12: no figure is named nothing/],
    ["island", article("x [1]\n\n{{island Nothing}}"), /one\.md:14: no island is named Nothing/],
    ["raw HTML", article("x [1]\n\n<b>y</b>"), /one\.md:14: take out the raw HTML/],
    ["image", article("x [1] ![y](/z.png)"), /take out the image/],
    ["h1", article("x [1]\n\n# Again"), /one\.md:14: use ## or ###/],
    ["language", article("x [1]\n\n```cobol\ny\n```"), /one\.md:14: no colours for cobol/],
  ];
  assert.equal(problemsOf(article("x [1], see [prices](/pricing) and [here](#a)\n\n## A")), "");
  for (const [name, file, expected] of cases) assert.match(problemsOf(file), expected, name);
  const all = problemsOf(article("x\n\n# B\n\n{{figure nothing}}"));
  assert.equal(all.split("\n").length, 3, all);
});

Deno.test("an article's HTML is safe, addressed and open where the page fills it in", () => {
  const body = [
    "Wakes take {{figure\n wake-p50-s-30d}} here [1].",
    "## A & B",
    "## A & B",
    "| a | b |\n| --- | ---: |\n| `<x>` | 2 |",
    "{{island IdleCalculator}}",
    '```python\nprint("<b>")\n```',
  ].join("\n\n");
  const library = buildLibrary([PILLAR, article(body)], []);
  const one = library.article("engines", "one");
  assert.ok(one !== null);
  assert.deepEqual(one.blocks.map(({ kind }) => kind), ["html", "island", "html"]);
  assert.deepEqual(one.headings.map(({ id }) => id), ["a-b", "a-b-2"]);
  const figures = new Map([["wake-p50-s-30d" as FigureName, { value: "8.4", why: "" }]]);
  const html = one.blocks.map((block) => block.kind === "html" ? htmlOf(block, figures) : "").join(
    "",
  );
  assert.match(
    html,
    /Wakes take <data class="live" value="wake-p50-s-30d">8\.4 s<\/data> here <a class="cite" href="#source-1"/,
  );
  assert.match(html, /<h2 id="a-b"><a class="heading-link" href="#a-b">A &amp; B<\/a><\/h2>/);
  assert.match(html, /role="region" aria-label="Table 1" tabindex="0"><table>/);
  assert.match(html, /<code>&lt;x&gt;<\/code>/);
  assert.match(html, /hljs-/);
  assert.doesNotMatch(html, /style=|<script|<b>/);
  const none = one.blocks[0];
  assert.match(none?.kind === "html" ? htmlOf(none, new Map()) : "", /no data yet/);
});

Deno.test("figureText() carries the unit, and never shows nothing as 0", () => {
  for (const name of Object.keys(FIGURES) as FigureName[]) {
    assert.equal(figureText(name, new Map()), "no data yet");
    assert.match(figureText(name, new Map([[name, { value: "1", why: "" }]])), /1 \S|\$1 \S/);
  }
});

Deno.test("articleMarkdown() fills figures in, makes links whole and lists its sources", () => {
  const body =
    "See [prices](/pricing) [1]. {{figure requests-24h}} so far.\n\n{{island IdleCalculator}}";
  const library = buildLibrary([PILLAR, article(body)], [PRICING]);
  const one = library.article("engines", "one");
  assert.ok(one !== null);
  const text = articleMarkdown(one, "https://e.test", new Map());
  assert.match(text, /^# A title\n\n> An answer\./);
  assert.match(text, /\[prices\]\(https:\/\/e\.test\/pricing\) \[1\]\. no data yet so far/);
  assert.match(text, /https:\/\/e\.test\/learn\/engines\/one has a calculator here/);
  assert.match(text, /1\. A paper\. https:\/\/example\.org\//);
  assert.doesNotMatch(text, /\{\{/);
});

Deno.test("search() finds an article by a word of its text and forgives a slip", async () => {
  const index = buildIndex(await loadLibrary(CONTENT, FIXED_PAGES));
  assert.equal(
    search(index, "scale to zero arithmetic")[0]?.path,
    "/learn/economics/scale-to-zero-arithmetic",
  );
  assert.ok(search(index, "hibernaton").some(({ path }) => path.includes("hibernation")));
  assert.deepEqual(search(index, ""), []);
  assert.ok(search(index, "x".repeat(10_000)).length === 0);
});
