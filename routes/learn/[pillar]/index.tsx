/** One part of the hub: what it is about and its articles. */
import { HttpError, page } from "fresh";
import { ArticleBody } from "../../../lib/site/components/ArticleBody.tsx";
import { Page } from "../../../lib/site/components/Page.tsx";
import { PageHead } from "../../../lib/site/components/PageHead.tsx";
import { define } from "../../../lib/site/define.ts";

export const handler = define.handlers({
  async GET({ params, state }) {
    const pillar = state.library.pillar(params["pillar"] ?? "");
    if (pillar === null) throw new HttpError(404);
    return page({ pillar, figures: await state.figures() });
  },
});

export default define.page<typeof handler>(({ data: { pillar, figures }, state }) => (
  <Page state={state} title={pillar.title} description={pillar.summary} path={pillar.path}>
    <PageHead title={pillar.title} crumbs={[{ href: "/learn", label: "Learn" }]}>
      <p>{pillar.summary}</p>
    </PageHead>
    <ArticleBody blocks={pillar.blocks} figures={figures} />
    <section aria-labelledby="articles">
      <h2 id="articles">Articles</h2>
      <div class="grid wide">
        {pillar.articles.map((article) => (
          <a key={article.slug} class="card" href={article.path}>
            <h3>{article.title}</h3>
            <p class="quiet small">{article.summary}</p>
            <p class="quiet small">{article.readingMinutes} min, updated {article.updated}</p>
          </a>
        ))}
      </div>
    </section>
  </Page>
));
