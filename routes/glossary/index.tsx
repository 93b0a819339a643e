/** Every word with its meaning in a sentence. */
import { Page } from "../../lib/site/components/Page.tsx";
import { PageHead } from "../../lib/site/components/PageHead.tsx";
import { define } from "../../lib/site/define.ts";
import type { Term } from "../../lib/site/library.ts";
import { sitePage } from "../../lib/site/pages.ts";

export default define.page(({ state }) => {
  const { terms } = state.library;
  const letters = Map.groupBy(terms, (term: Term) => term.title.charAt(0).toUpperCase());
  return (
    <Page state={state} {...sitePage("/glossary")}>
      <PageHead title="Glossary" eyebrow={`${terms.length} terms`}>
        <p>One word, one meaning: those of inference, and those of this gateway.</p>
      </PageHead>
      <nav class="letters" aria-label="Letters">
        <ul>
          {[...letters.keys()].map((letter) => (
            <li key={letter}>
              <a href={`#letter-${letter}`}>{letter}</a>
            </li>
          ))}
        </ul>
      </nav>
      {[...letters].map(([letter, words]) => (
        <section key={letter} aria-labelledby={`letter-${letter}`} class="letter">
          <h2 id={`letter-${letter}`}>{letter}</h2>
          <dl>
            {words.map((term) => (
              <div key={term.slug}>
                <dt>
                  <a href={term.path}>{term.title}</a>
                </dt>
                <dd>{term.summary}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </Page>
  );
});
