/** What every machine is doing now, and what waking one has taken. */
import LiveStatus from "../islands/LiveStatus.tsx";
import { Page } from "../lib/site/components/Page.tsx";
import { PageHead } from "../lib/site/components/PageHead.tsx";
import { define } from "../lib/site/define.ts";
import { sitePage } from "../lib/site/pages.ts";
import { WAKE_STEPS } from "../lib/site/wake_timeline.ts";

export default define.page(async ({ state }) => {
  const { snapshot } = await state.status.current();
  return (
    <Page state={state} {...sitePage("/status")}>
      <PageHead title="Status">
        <p>
          Where each machine is in its life, the wake that runs now step by step, and what past
          wakes took. A sleeping machine is not an outage: a request wakes it.
        </p>
      </PageHead>
      <LiveStatus initial={snapshot} />
      <section aria-labelledby="steps" class="prose">
        <h2 id="steps">What the steps mean</h2>
        <dl class="meanings">
          {WAKE_STEPS.map(({ step, label, about }) => (
            <div key={step}>
              <dt>{label}</dt>
              <dd>{about}</dd>
            </div>
          ))}
        </dl>
        <p>
          A step ends when it is first seen to have ended, so its time holds up to one look of the
          keeper. The same data is at <a href="/api/status">/api/status</a>{" "}
          as JSON, and as server-sent events at{" "}
          <code>/api/status/stream</code>. Why a cold start takes what it takes is told in{" "}
          <a href="/how-it-works">How it works</a>.
        </p>
      </section>
    </Page>
  );
});
