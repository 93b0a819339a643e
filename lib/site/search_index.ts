/** Full-text search over the hub: the same index answers on the server and, as JSON, in the browser. */
import MiniSearch, { type Options } from "minisearch";
import type { Library } from "./library.ts";

export type Found = {
  readonly path: string;
  readonly title: string;
  readonly summary: string;
  /** Where it stands: a pillar's title, or "Glossary". */
  readonly part: string;
};

const HITS_MAX = 12;
const QUERY_MAX = 200;

/** What both sides must agree on. */
export const SEARCH_OPTIONS: Options = {
  fields: ["title", "summary", "headings", "text"],
  storeFields: ["title", "summary", "part"],
  searchOptions: {
    boost: { title: 6, headings: 3, summary: 2 },
    prefix: true,
    fuzzy: (term) => term.length > 4 ? 0.2 : false,
    combineWith: "AND",
  },
};

export function buildIndex(library: Library): MiniSearch {
  const index = new MiniSearch(SEARCH_OPTIONS);
  const partOf = new Map(library.pillars.map(({ slug, title }) => [slug, title]));
  index.addAll(library.articles.map(({ path, title, summary, headings, text, pillar }) => ({
    ...{ id: path, title, summary, text, part: partOf.get(pillar) ?? pillar },
    headings: headings.map((heading) => heading.text).join(" "),
  })));
  index.addAll(library.terms.map(({ path, title, summary, text }) => ({
    ...{ id: path, title, summary, text, headings: "", part: "Glossary" },
  })));
  return index;
}

/** The best pages for a query, best first; none for an empty one. */
export function search(index: MiniSearch, query: string): Found[] {
  return index.search(query.slice(0, QUERY_MAX)).slice(0, HITS_MAX).map((hit) => ({
    path: String(hit.id),
    title: String(hit["title"]),
    summary: String(hit["summary"]),
    part: String(hit["part"]),
  }));
}
