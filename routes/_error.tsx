/** What is said when a page failed. */
import { Page } from "../lib/site/components/Page.tsx";
import { PageHead } from "../lib/site/components/PageHead.tsx";
import { define } from "../lib/site/define.ts";

export default define.page(({ state, url }) => (
  <Page
    state={state}
    title="Something failed"
    description="The page could not be made."
    path={url.pathname}
  >
    <PageHead title="Something failed" eyebrow="500">
      The page could not be made. The log says why; trying again may help. The API does not depend
      on this page.
    </PageHead>
    <p class="row not-found">
      <a class="button" href="/">Go to the start</a>
      <a class="button quiet" href="/status">See the machines</a>
    </p>
  </Page>
));
