/** Each published figure: what it means, its SQL as it is run, and what it last answered. */
import { page } from "fresh";
import { Anchored } from "../../lib/site/components/Anchored.tsx";
import { Page } from "../../lib/site/components/Page.tsx";
import { PageHead } from "../../lib/site/components/PageHead.tsx";
import { define } from "../../lib/site/define.ts";
import { METHODS } from "../../lib/site/methods.ts";
import { sitePage } from "../../lib/site/pages.ts";
import { utcText } from "../../lib/site/shown_time.ts";

export const handler = define.handlers({
  async GET({ state }) {
    return page({ month: await state.windows("30d") });
  },
});

export default define.page<typeof handler>(({ data: { month }, state }) => (
  <Page state={state} {...sitePage("/economics/method")}>
    <PageHead
      title="How the figures are made"
      crumbs={[{ href: "/economics", label: "Economics" }]}
    >
      <p>
        The SQL below is read from the same files that are run: what you see is what answered. The
        last answers are of the thirty days until {utcText(month.window.to)} UTC.
      </p>
    </PageHead>
    {METHODS.map(({ fold, title, says, lastOf }) => (
      <section key={fold} aria-labelledby={fold} class="method">
        <Anchored id={fold}>{title}</Anchored>
        <p class="prose">{says}</p>
        <pre
          tabindex={0}
          role="region"
          aria-label={`SQL: ${title}`}
        ><code>{state.folds.get(fold)}</code></pre>
        <details>
          <summary>The last answer</summary>
          <pre
            tabindex={0}
            role="region"
            aria-label={`Last answer: ${title}`}
          ><code>{JSON.stringify(lastOf(month), null, 1)}</code></pre>
        </details>
      </section>
    ))}
    <section aria-labelledby="rollups" class="method">
      <h2 id="rollups">The totals the figures read</h2>
      <p class="prose">
        The rows of single requests hold accounts and keys, and are too many to read for a page.
        Each minute is summed once it is over, and what comes late is added to it; whole hours are
        sums of minutes. These statements make the totals, and <code>usage_in</code>,{" "}
        <code>machine_time_in</code> and <code>spend_in</code> read them.
      </p>
      {state.rollupTexts.map(({ name, text }) => (
        <details key={name}>
          <summary>{name}</summary>
          <pre tabindex={0} role="region" aria-label={`SQL: ${name}`}><code>{text}</code></pre>
        </details>
      ))}
    </section>
    <section aria-labelledby="again" class="prose">
      <h2 id="again">Run it again</h2>
      <p>
        The files are in <code>lib/ledger/folds/</code>{" "}
        of the source. On your own deployment, give them to <code>psql</code>{" "}
        with the window's two ends as <code>$1</code> and{" "}
        <code>$2</code>. The rows that hold accounts and keys are not handed out; what the figures
        are made from is, as CSV: <a href="/economics/inputs">the inputs</a>.{" "}
        <code>deno task verify</code> fetches them and works every figure out again.
      </p>
      <h2 id="missing">What is missing</h2>
      <p>
        Money, where no provider sends a bill: then those figures say "no data yet" and nothing
        else.
      </p>
    </section>
  </Page>
));
