/** What pages tell search engines in schema.org's words. Pure. */
import type { Crumb } from "./components/Breadcrumbs.tsx";
import type { SiteState } from "./define.ts";
import type { Article, Term } from "./library.ts";
import { ogImagePath } from "./og_path.ts";

type Site = Pick<SiteState, "name" | "origin">;
type JsonLd = Record<string, unknown>;

export function articleJsonLd(
  article: Article,
  crumbs: readonly Crumb[],
  { name, origin }: Site,
): JsonLd[] {
  const publisher = { "@type": "Organization", name, url: origin };
  return [
    {
      "@context": "https://schema.org",
      "@type": "TechArticle",
      headline: article.title,
      description: article.summary,
      dateModified: article.updated,
      url: origin + article.path,
      image: origin + ogImagePath(article.path),
      inLanguage: "en",
      author: publisher,
      publisher,
      citation: article.sources.map(({ title, url, date }) => ({
        "@type": "CreativeWork",
        name: title,
        ...(url === undefined ? {} : { url }),
        ...(date === undefined ? {} : { datePublished: date }),
      })),
    },
    {
      "@context": "https://schema.org",
      "@type": "BreadcrumbList",
      itemListElement: [...crumbs, { href: article.path, label: article.title }].map((
        { href, label },
        i,
      ) => ({ "@type": "ListItem", position: i + 1, name: label, item: origin + href })),
    },
  ];
}

export function termJsonLd(term: Term, { name, origin }: Site): JsonLd[] {
  return [{
    "@context": "https://schema.org",
    "@type": "DefinedTerm",
    name: term.title,
    description: term.summary,
    url: origin + term.path,
    inDefinedTermSet: {
      "@type": "DefinedTermSet",
      name: `${name} glossary`,
      url: `${origin}/glossary`,
    },
  }];
}
