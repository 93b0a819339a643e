/** The sitemap and the Atom feed, from the list of pages. Pure. Sources: sitemaps.org 0.9, RFC 4287. */
import type { ListedPage } from "./pages.ts";
import { escapeXml } from "./xml.ts";

const XML = '<?xml version="1.0" encoding="utf-8"?>';
/** Of sitemaps.org; past it the file would have to be split. */
export const SITEMAP_URLS_MAX = 50_000;
export const FEED_ENTRIES_MAX = 50;

/** `sitemap.xml`. Only dates that are known are given. */
export function sitemapXml(pages: readonly ListedPage[], origin: string): string {
  const urls = pages.slice(0, SITEMAP_URLS_MAX).map(({ path, updated }) =>
    `  <url><loc>${escapeXml(addressOf(origin, path))}</loc>${
      updated === null ? "" : `<lastmod>${updated}</lastmod>`
    }</url>`
  );
  return [
    XML,
    '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">',
    ...urls,
    "</urlset>",
    "",
  ].join("\n");
}

export type FeedOptions = {
  readonly name: string;
  readonly origin: string;
  /** Who is named as author. */
  readonly author: string;
  /** The feed's own date when it has no entry, YYYY-MM-DD. */
  readonly since: string;
};

/** `feed.xml`: the articles, newest first. An entry's id is its address, which does not change. */
export function atomFeed(
  pages: readonly ListedPage[],
  { name, origin, author, since }: FeedOptions,
): string {
  const articles = pages.flatMap((page) =>
    page.kind === "article" && page.updated !== null ? [{ ...page, updated: page.updated }] : []
  ).toSorted((a, b) => a.updated < b.updated ? 1 : a.updated > b.updated ? -1 : 0)
    .slice(0, FEED_ENTRIES_MAX);
  const entries = articles.map(({ path, title, description, group, updated }) => {
    const address = escapeXml(addressOf(origin, path));
    return [
      "  <entry>",
      `    <id>${address}</id>`,
      `    <title>${escapeXml(title)}</title>`,
      `    <updated>${midnight(updated)}</updated>`,
      `    <link rel="alternate" type="text/html" href="${address}"/>`,
      `    <category term="${escapeXml(group)}"/>`,
      `    <summary>${escapeXml(description)}</summary>`,
      "  </entry>",
    ].join("\n");
  });
  const self = escapeXml(addressOf(origin, "/feed.xml"));
  return [
    XML,
    '<feed xmlns="http://www.w3.org/2005/Atom">',
    `  <id>${self}</id>`,
    `  <title>${escapeXml(name)}: articles</title>`,
    `  <updated>${midnight(articles[0]?.updated ?? since)}</updated>`,
    `  <link rel="self" type="application/atom+xml" href="${self}"/>`,
    `  <link rel="alternate" type="text/html" href="${escapeXml(addressOf(origin, "/learn"))}"/>`,
    `  <author><name>${escapeXml(author)}</name></author>`,
    ...entries,
    "</feed>",
    "",
  ].join("\n");
}

/** A day as Atom wants it. */
function midnight(day: string): string {
  return `${day}T00:00:00Z`;
}

/** A page's whole address. */
export function addressOf(origin: string, path: string): string {
  return `${origin}${path}`;
}
