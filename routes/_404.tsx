/** What is said where nothing is. */
import { Page } from "../lib/site/components/Page.tsx";
import { PageHead } from "../lib/site/components/PageHead.tsx";
import { define } from "../lib/site/define.ts";

export default define.page(({ state, url }) => (
  <Page
    state={state}
    title="Nothing here"
    description="There is no page at this address."
    path={url.pathname}
  >
    <PageHead title="Nothing here" eyebrow="404">
      There is no page at this address. It may have moved, or never have been.
    </PageHead>
    <p class="row not-found">
      <a class="button" href="/">Go to the start</a>
      <a class="button quiet" href="/learn">Search the learn hub</a>
    </p>
  </Page>
));
