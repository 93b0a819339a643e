/** The catalogue: what can be asked for, the state it is in, what it costs. */
import ModelFilter from "../../islands/ModelFilter.tsx";
import { catalogOf, catalogQuery, kindsOf } from "../../lib/site/catalog.ts";
import { Page } from "../../lib/site/components/Page.tsx";
import { PageHead } from "../../lib/site/components/PageHead.tsx";
import { define } from "../../lib/site/define.ts";
import { sitePage } from "../../lib/site/pages.ts";

export default define.page(({ state, url }) => {
  const models = catalogOf(state.lineup.models, state.models());
  return (
    <Page state={state} {...sitePage("/models")}>
      <PageHead title="Models" eyebrow="Catalogue">
        <p>
          Send the name as{" "}
          <code>model</code>. A cold model is not an outage: asking for it wakes the machine that
          serves it.
        </p>
      </PageHead>
      <div>
        <ModelFilter
          models={models}
          query={catalogQuery(url.searchParams, kindsOf(models))}
        />
      </div>
    </Page>
  );
});
