/** Questions and short answers for the three kinds of people who come here. */
import { Anchored } from "../lib/site/components/Anchored.tsx";
import { Page } from "../lib/site/components/Page.tsx";
import { PageHead } from "../lib/site/components/PageHead.tsx";
import { Words } from "../lib/site/components/Words.tsx";
import { define } from "../lib/site/define.ts";
import { faqGroups, type Question } from "../lib/site/faq.ts";
import { sitePage } from "../lib/site/pages.ts";

export default define.page(({ state }) => {
  const page = sitePage("/faq");
  const groups = faqGroups(state.wakeCapS);
  return (
    <Page
      state={state}
      {...page}
      jsonLd={[faqJsonLd(groups.flatMap(({ questions }) => questions))]}
    >
      <PageHead title={page.title}>
        <p>
          Short answers. Each leads to where the long one is, and says so when something is not
          built.
        </p>
      </PageHead>
      <nav class="row jump" aria-label="Groups">
        {groups.map(({ id, title }) => (
          <a key={id} class="button quiet" href={`#${id}`}>{title}</a>
        ))}
      </nav>
      {groups.map(({ id, title, questions }) => (
        <section key={id} class="faq" aria-labelledby={id}>
          <Anchored id={id}>{title}</Anchored>
          <div>
            {questions.map((question) => <Answered key={question.id} question={question} />)}
          </div>
        </section>
      ))}
    </Page>
  );
});

function Answered({ question: { id, ask, answer, links } }: { question: Question }) {
  return (
    <details id={id}>
      <summary>{ask}</summary>
      <div class="stack">
        {answer.map((text) => (
          <p key={text}>
            <Words text={text} />
          </p>
        ))}
        {links.length === 0 ? null : (
          <p class="small">
            {links.map(({ href, label }, i) => (
              <span key={href}>
                {i === 0 ? "" : " · "}
                <a href={href}>{label}</a>
              </span>
            ))}
          </p>
        )}
      </div>
    </details>
  );
}

function faqJsonLd(questions: readonly Question[]): Record<string, unknown> {
  return {
    "@context": "https://schema.org",
    "@type": "FAQPage",
    mainEntity: questions.map(({ ask, answer }) => ({
      "@type": "Question",
      name: ask,
      acceptedAnswer: { "@type": "Answer", text: answer.join(" ").replaceAll("`", "") },
    })),
  };
}
