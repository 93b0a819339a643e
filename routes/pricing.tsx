/** Prices by model, band and tier, from the configuration; spot against standard with the arithmetic shown. */
import PriceCalculator from "../islands/PriceCalculator.tsx";
import { Page } from "../lib/site/components/Page.tsx";
import { PageHead } from "../lib/site/components/PageHead.tsx";
import { Scroll } from "../lib/site/components/Scroll.tsx";
import { define, type SiteState } from "../lib/site/define.ts";
import { sitePage } from "../lib/site/pages.ts";
import { modelPath } from "../lib/site/catalog.ts";
import { type BandRate, type ModelRates, workloadOf } from "../lib/site/price_workload.ts";
import { dayText } from "../lib/site/shown_time.ts";
import { formatUsd } from "../lib/kernel/money.ts";

export default define.page(({ state, url }) => {
  const rows = priceRows(state);
  const models = ratesOf(state);
  return (
    <Page state={state} {...sitePage("/pricing")}>
      <PageHead title="Pricing" eyebrow="US dollars per million tokens">
        <p>
          A token costs what its band costs. Spot machines are cheaper and can be taken away by
          their provider; standard ones cannot. Waiting for a machine costs nothing.
        </p>
      </PageHead>
      <section aria-labelledby="prices">
        <h2 id="prices">Prices in force</h2>
        <Scroll label="Prices by model and band">
          <table>
            <caption>
              From the configuration of this deployment, each with the day it began.
            </caption>
            <thead>
              <tr>
                <th scope="col">Model</th>
                <th scope="col">Band</th>
                <th scope="col">Tiers</th>
                <th scope="col" class="number">Input</th>
                <th scope="col" class="number">Output</th>
                <th scope="col">Since</th>
              </tr>
            </thead>
            <tbody>
              {rows.map(({ id, name, band, tiers, input, output, since }) => (
                <tr key={`${id} ${band}`}>
                  <th scope="row">
                    <a href={modelPath(id)}>{name}</a>
                  </th>
                  <td>
                    <span class={`tag band ${band}`}>{band}</span>
                  </td>
                  <td class="small">{tiers.join(", ")}</td>
                  {input === null || output === null
                    ? <td colSpan={3} class="quiet">no charge is set</td>
                    : (
                      <>
                        <td class="number">${input}</td>
                        <td class="number">${output}</td>
                        <td class="small">{since}</td>
                      </>
                    )}
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </section>
      <section aria-labelledby="workload">
        <h2 id="workload">Price a workload</h2>
        <p class="quiet">
          Each request is priced as the ledger prices it, rounded once to the billionth of a dollar,
          then multiplied.
        </p>
        <div>
          <PriceCalculator models={models} workload={workloadOf(url.searchParams, models)} />
        </div>
      </section>
      <section aria-labelledby="charged" class="prose">
        <h2 id="charged">What is charged, and what is not</h2>
        <ul>
          <li>
            Tokens in and out, as the engine counts them. The price in force when the request was
            let in is the one it pays.
          </li>
          <li>
            Nothing for waiting, for a wake, or for a request that never reached a machine: a 429, a
            503, or a 504 <code>wake_timeout</code>.
          </li>
          <li>
            A stream that ends early, whoever ended it, pays for the tokens that were made until
            then. The usage row says how it ended.
          </li>
          <li>
            Which band served you is in the answer, in{" "}
            <code>x-emberlane-tier</code>. Ask for one with{" "}
            <code>x-emberlane-band: spot</code>, or name the most you will pay with{" "}
            <code>x-emberlane-max-price</code>.
          </li>
        </ul>
        <p>
          A price is what you pay. What the tokens really cost to make is on{" "}
          <a href="/economics">the economics page</a>; why the two bands differ is told in{" "}
          <a href="/learn/economics/spot-or-on-demand">spot or on-demand GPUs</a>.
        </p>
      </section>
    </Page>
  );
});

/** One row for each model and band that serves it. */
function priceRows({ lineup, prices }: Pick<SiteState, "lineup" | "prices">) {
  const current = prices();
  return lineup.models.flatMap((model) =>
    bandsOf(lineup, model.id).map(({ band, tiers }) => {
      const price = current.get(`${model.id} ${band}`) ?? null;
      return {
        ...{ id: model.id, name: model.name, band, tiers },
        input: price === null ? null : formatUsd(price.inputNanoUsd),
        output: price === null ? null : formatUsd(price.outputNanoUsd),
        since: price === null ? "" : dayText(price.validFrom),
      };
    })
  );
}

function ratesOf({ lineup, prices }: Pick<SiteState, "lineup" | "prices">): ModelRates[] {
  const current = prices();
  return lineup.models.map(({ id, name }) => ({
    ...{ id, name },
    bands: bandsOf(lineup, id).map(({ band }): BandRate => {
      const price = current.get(`${id} ${band}`);
      return {
        band,
        rate: price === undefined
          ? null
          : { inputNanoUsd: price.inputNanoUsd, outputNanoUsd: price.outputNanoUsd },
      };
    }),
  }));
}

function bandsOf(lineup: SiteState["lineup"], model: string) {
  const tiers = lineup.tiers.filter((tier) => tier.serves[model] !== undefined);
  return [...Map.groupBy(tiers, (tier) => tier.band)].map(([band, those]) => ({
    band,
    tiers: those.map((tier) => tier.name),
  }));
}
