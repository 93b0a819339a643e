/** One word: its meaning in a sentence, then at some length. */
import { HttpError, page } from "fresh";
import { ArticleBody } from "../../lib/site/components/ArticleBody.tsx";
import { Page } from "../../lib/site/components/Page.tsx";
import { PageHead } from "../../lib/site/components/PageHead.tsx";
import { SeeAlso } from "../../lib/site/components/SeeAlso.tsx";
import { Sources } from "../../lib/site/components/Sources.tsx";
import { define } from "../../lib/site/define.ts";
import { termJsonLd } from "../../lib/site/json_ld.ts";

export const handler = define.handlers({
  async GET({ params, state }) {
    const term = state.library.term(params["term"] ?? "");
    if (term === null) throw new HttpError(404);
    return page({ term, figures: await state.figures() });
  },
});

export default define.page<typeof handler>(({ data: { term, figures }, state }) => (
  <Page
    state={state}
    title={term.title}
    description={term.summary}
    path={term.path}
    type="article"
    jsonLd={termJsonLd(term, state)}
  >
    <article class="term">
      <PageHead title={term.title} crumbs={[{ href: "/glossary", label: "Glossary" }]}>
        <p>{term.summary}</p>
      </PageHead>
      <ArticleBody blocks={term.blocks} figures={figures} />
      <Sources sources={term.sources} />
      <SeeAlso links={term.seeAlso} />
    </article>
  </Page>
));
