/** One model: its state, where it is served, at what price, and how to call it. */
import { HttpError, page } from "fresh";
import { catalogModel, modelPath } from "../../lib/site/catalog.ts";
import { CodeTabs } from "../../lib/site/components/CodeTabs.tsx";
import { Page } from "../../lib/site/components/Page.tsx";
import { PageHead } from "../../lib/site/components/PageHead.tsx";
import { Scroll } from "../../lib/site/components/Scroll.tsx";
import { StateBadge } from "../../lib/site/components/StateBadge.tsx";
import { define } from "../../lib/site/define.ts";
import { modelJsonLd } from "../../lib/site/model_json_ld.ts";
import { spanText } from "../../lib/site/shown_time.ts";
import { snippetsOf } from "../../lib/site/snippets.ts";

export const handler = define.handlers({
  GET(ctx) {
    const { params, state } = ctx;
    const asked = decoded(params["id"] ?? "");
    const spec = state.lineup.models.find(({ id, aliases }) =>
      id === asked || aliases.includes(asked)
    );
    if (spec === undefined) throw new HttpError(404);
    if (spec.id !== asked) return ctx.redirect(modelPath(spec.id), 302);
    const object = state.models().find(({ id }) => id === spec.id);
    if (object === undefined) throw new HttpError(404);
    return page({ spec, object, model: catalogModel(spec, object) });
  },
});

export default define.page<typeof handler>(({ data: { spec, object, model }, state }) => {
  const snippets = snippetsOf(spec, state.origin);
  return (
    <Page
      state={state}
      title={model.name}
      description={model.description ||
        `${model.name} by ${model.vendor}: state, price and how to call it.`}
      path={modelPath(model.id)}
      jsonLd={[modelJsonLd(model, state.origin)]}
    >
      <PageHead title={model.name} crumbs={[{ href: "/models", label: "Models" }]}>
        {model.description === ""
          ? <p>A {model.kind} model by {model.vendor}.</p>
          : <p>{model.description}</p>}
      </PageHead>
      <dl class="figures">
        <Fact label="State">
          <StateBadge state={model.state} />
        </Fact>
        <Fact label="Ready in">
          {model.etaS === null
            ? "no data yet"
            : model.etaS === 0
            ? "at once"
            : `about ${spanText(model.etaS * 1_000)}`}
        </Fact>
        <Fact label="Kind">{model.kind}</Fact>
        <Fact label="Context">{model.contextTokens.toLocaleString("en")} tokens</Fact>
      </dl>
      <section aria-labelledby="call">
        <h2 id="call">Call it</h2>
        <p>
          As <code>{model.id}</code>
          {model.aliases.map((alias) => (
            <>
              {" "}or <code>{alias}</code>
            </>
          ))}. The vendor is {model.vendor}.
        </p>
        {snippets.length === 0
          ? <p class="quiet">No endpoint of this gateway serves {model.kind} models yet.</p>
          : <CodeTabs snippets={snippets} name="call" label={`How to call ${model.name}`} />}
      </section>
      <section aria-labelledby="served">
        <h2 id="served">Where it is served</h2>
        {object.emberlane.tiers.length === 0
          ? <p class="quiet">No tier of the lineup serves it now.</p>
          : (
            <Scroll label="Tiers that serve the model">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Tier, first choice first</th>
                    <th scope="col">Band</th>
                    <th scope="col">State</th>
                    <th scope="col" class="number">Ready in</th>
                    <th scope="col" class="number">Input, $/Mtok</th>
                    <th scope="col" class="number">Output, $/Mtok</th>
                  </tr>
                </thead>
                <tbody>
                  {object.emberlane.tiers.map((tier) => (
                    <tr key={tier.name}>
                      <th scope="row">{tier.name}</th>
                      <td>
                        <span class={`tag band ${tier.band}`}>{tier.band}</span>
                      </td>
                      <td>
                        <StateBadge state={tier.state} />
                      </td>
                      <td class="number">
                        {tier.eta_s === null
                          ? "no data yet"
                          : tier.eta_s === 0
                          ? "at once"
                          : spanText(tier.eta_s * 1_000)}
                      </td>
                      <td class="number">{tier.price_usd_per_mtok?.input ?? "no charge set"}</td>
                      <td class="number">{tier.price_usd_per_mtok?.output ?? "no charge set"}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          )}
        <p class="quiet small">
          Wait times are medians of this tier's own wakes. A request may insist on a band with{" "}
          <code>x-emberlane-band</code>, or on a price with <code>x-emberlane-max-price</code>: see
          {" "}
          <a href="/docs/api#headers">the headers</a>.
        </p>
      </section>
    </Page>
  );
});

function Fact(
  { label, children }: { label: string; children: import("preact").ComponentChildren },
) {
  return (
    <div class="figure">
      <dt>{label}</dt>
      <dd>
        <span class="value none">{children}</span>
      </dd>
    </div>
  );
}

/** A model's id may hold slashes; what is no valid escape is no model. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
