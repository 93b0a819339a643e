/** The hub: what there is to read, and a search over it. */
import HubSearch from "../../islands/HubSearch.tsx";
import { Page } from "../../lib/site/components/Page.tsx";
import { PageHead } from "../../lib/site/components/PageHead.tsx";
import { define } from "../../lib/site/define.ts";
import { sitePage } from "../../lib/site/pages.ts";
import { searchIndexUrl } from "../../lib/site/search_url.ts";

export default define.page(({ state, url }) => {
  const { library, search } = state;
  const query = url.searchParams.get("q") ?? "";
  const page = sitePage("/learn");
  return (
    <Page state={state} {...page}>
      <PageHead title="Learn" eyebrow={`${library.articles.length} articles`}>
        <p>
          What serving tokens from rented GPUs costs, how it fails, and how to use it well. Every
          article answers its question first, shows its arithmetic and names its sources.
        </p>
      </PageHead>
      <div>
        <HubSearch
          query={query}
          found={search.find(query)}
          indexUrl={searchIndexUrl(search.json)}
        />
      </div>
      {library.pillars.map((pillar) => (
        <section key={pillar.slug} aria-labelledby={pillar.slug} class="shelf">
          <h2 id={pillar.slug}>
            <a href={pillar.path}>{pillar.title}</a>
          </h2>
          <p class="quiet">{pillar.summary}</p>
          <ol class="articles">
            {pillar.articles.map((article) => (
              <li key={article.slug}>
                <a href={article.path}>{article.title}</a>
                <span class="quiet small">{article.readingMinutes} min</span>
              </li>
            ))}
          </ol>
        </section>
      ))}
      <p>
        Words have one meaning here: see <a href="/glossary">the glossary</a>, with{" "}
        {library.terms.length} terms.
      </p>
    </Page>
  );
});
