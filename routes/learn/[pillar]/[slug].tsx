/** One article: its answer first, then the text, its sources and where to read on; at `.md` the same as Markdown. */
import { HttpError, page } from "fresh";
import { articleMarkdown } from "../../../lib/site/article_markdown.ts";
import { ArticleBody } from "../../../lib/site/components/ArticleBody.tsx";
import { Page } from "../../../lib/site/components/Page.tsx";
import { PageHead } from "../../../lib/site/components/PageHead.tsx";
import { SeeAlso } from "../../../lib/site/components/SeeAlso.tsx";
import { Sources } from "../../../lib/site/components/Sources.tsx";
import { define } from "../../../lib/site/define.ts";
import { articleJsonLd } from "../../../lib/site/json_ld.ts";
import type { Article, Linked } from "../../../lib/site/library.ts";
import { machineReply } from "../../../lib/site/machine_reply.ts";

const MARKDOWN = ".md";

export const handler = define.handlers({
  async GET({ req, params, state }) {
    const slug = params["slug"] ?? "";
    const isMarkdown = slug.endsWith(MARKDOWN);
    const name = isMarkdown ? slug.slice(0, -MARKDOWN.length) : slug;
    const article = state.library.article(params["pillar"] ?? "", name);
    if (article === null) throw new HttpError(404);
    const figures = await state.figures();
    if (!isMarkdown) return page({ article, figures });
    const text = articleMarkdown(article, state.origin, figures);
    return machineReply(req, { text, type: "text/markdown; charset=utf-8", freshS: 300 });
  },
});

export default define.page<typeof handler>(({ data: { article, figures }, state }) => {
  const pillar = state.library.pillar(article.pillar);
  const crumbs = [
    { href: "/learn", label: "Learn" },
    { href: `/learn/${article.pillar}`, label: pillar?.title ?? article.pillar },
  ];
  return (
    <Page
      state={state}
      title={article.title}
      description={article.summary}
      path={article.path}
      type="article"
      jsonLd={articleJsonLd(article, crumbs, state)}
      alternates={[{ type: "text/markdown", href: `${article.path}.md`, title: article.title }]}
    >
      <article class="article">
        <PageHead title={article.title} crumbs={crumbs} />
        <p class="byline">
          <span>
            Updated <time dateTime={article.updated}>{article.updated}</time>
          </span>
          <span>{article.readingMinutes} min to read</span>
          <a href={`${article.path}.md`}>Markdown</a>
        </p>
        <aside class="answer" aria-label="The answer first">
          <p>{article.summary}</p>
        </aside>
        <Contents article={article} />
        <div class="article-text">
          <ArticleBody blocks={article.blocks} figures={figures} />
          <Sources sources={article.sources} />
          <SeeAlso links={article.seeAlso} />
          <Neighbours article={article} />
        </div>
      </article>
    </Page>
  );
});

function Contents({ article }: { article: Article }) {
  return (
    <nav class="contents" aria-label="Contents">
      <h2>Contents</h2>
      <ol>
        {article.headings.filter(({ level }) => level === 2).map(({ id, text }) => (
          <li key={id}>
            <a href={`#${id}`}>{text}</a>
          </li>
        ))}
        <li>
          <a href="#sources">Sources</a>
        </li>
      </ol>
    </nav>
  );
}

function Neighbours({ article: { previous, next } }: { article: Article }) {
  const link = (to: Linked | null, rel: "prev" | "next", label: string) =>
    to === null ? <span /> : (
      <a class={`card ${rel}`} rel={rel} href={to.path}>
        <span class="quiet small">{label}</span>
        <strong>{to.title}</strong>
      </a>
    );
  return (
    <nav class="neighbours" aria-label="Neighbouring articles">
      {link(previous, "prev", "Before")}
      {link(next, "next", "Next")}
    </nav>
  );
}
