/** What the tokens really cost, and what the machines did, from this deployment's own rows. */
import { DayCharts } from "../../lib/site/components/DayCharts.tsx";
import { Figures, type ShownFigure } from "../../lib/site/components/Figures.tsx";
import { EnergyByDay, Utilisation, WakePhases } from "../../lib/site/components/MachineTables.tsx";
import { CostByTier, MoneyByModel, MoneyByTier } from "../../lib/site/components/MoneySplit.tsx";
import { Page } from "../../lib/site/components/Page.tsx";
import { PageHead } from "../../lib/site/components/PageHead.tsx";
import { Reconciliation } from "../../lib/site/components/Reconciliation.tsx";
import { Scroll } from "../../lib/site/components/Scroll.tsx";
import { define } from "../../lib/site/define.ts";
import { daysOf } from "../../lib/site/economics_days.ts";
import { figureRows } from "../../lib/site/economics_table.ts";
import { costFigure, NO_BILL } from "../../lib/site/figure_values.ts";
import { sitePage } from "../../lib/site/pages.ts";
import type { WindowFigures } from "../../lib/ledger/figures_read.ts";
import { utcText } from "../../lib/site/shown_time.ts";

export default define.page(async ({ state }) => {
  const [day, week, month, reconciled] = await Promise.all([
    state.windows("24h"),
    state.windows("7d"),
    state.windows("30d"),
    state.reconciliation(),
  ]);
  const costs = [
    { label: "24 hours", figures: day },
    { label: "7 days", figures: week },
    { label: "30 days", figures: month },
  ];
  const windows = [day, week, month];
  const rows = figureRows(windows);
  const isBilled = month.gaps.length > 0;
  return (
    <Page state={state} {...sitePage("/economics")}>
      <PageHead title="Economics" eyebrow="From our own rows">
        <p>
          What a million tokens really cost, with idle time, cold starts and disks in the number;
          and what the machines did for it. Every figure is SQL you can read.
        </p>
        {state.demo
          ? <p>The machines of this deployment are simulated: the figures are of simulated work.</p>
          : null}
      </PageHead>
      <section aria-labelledby="cost">
        <h2 id="cost">Realised cost per million tokens</h2>
        {!isBilled
          ? (
            <p class="note ember">
              <strong>No data yet.</strong> {NO_BILL}{" "}
              A figure made from price lists would not be what it cost, so none is shown.
            </p>
          )
          : (
            <>
              <Figures figures={costs.map(({ label, figures }) => costShown(label, figures))} />
              <p class="quiet small">
                Per million of all tokens. Minutes without a bill in the last thirty days:{" "}
                {month.gaps.map(({ provider, missing, minutes }) =>
                  `${missing} of ${minutes} (${provider})`
                ).join(", ")}.
              </p>
              <h3>By tier</h3>
              <CostByTier windows={windows} />
              <h3>What it was for</h3>
              <MoneyByTier month={month} />
              <h3>By model</h3>
              <MoneyByModel month={month} />
            </>
          )}
      </section>
      <section aria-labelledby="days">
        <h2 id="days">By day</h2>
        {month.byDay.length === 0 && month.spendByDay.length === 0
          ? <p class="quiet">No data yet: no request has ended in the last thirty days.</p>
          : <DayCharts days={daysOf(month)} isBilled={isBilled} />}
      </section>
      {isBilled ? <Reconciliation days={reconciled} /> : null}
      <section aria-labelledby="did">
        <h2 id="did">What the machines did</h2>
        <Scroll label="Figures by window">
          <table>
            <caption>
              Trailing windows that end at {utcText(month.window.to)}{" "}
              UTC. Each name leads to its SQL.
            </caption>
            <thead>
              <tr>
                <th scope="col">Figure</th>
                <th scope="col" class="number">24 hours</th>
                <th scope="col" class="number">7 days</th>
                <th scope="col" class="number">30 days</th>
              </tr>
            </thead>
            <tbody>
              {rows.map(({ label, fold, values }) => (
                <tr key={label}>
                  <th scope="row">
                    <a href={`/economics/method#${fold}`}>{label}</a>
                  </th>
                  {values.map((value, i) => (
                    <td key={i} class="number">
                      {value ?? <span class="quiet">no data yet</span>}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </section>
      <section aria-labelledby="utilisation">
        <h2 id="utilisation">Utilisation</h2>
        <Utilisation windows={windows} />
      </section>
      <section aria-labelledby="phases">
        <h2 id="phases">The phases of a wake</h2>
        <WakePhases month={month} />
      </section>
      <section aria-labelledby="energy">
        <h2 id="energy">Energy</h2>
        <EnergyByDay month={month} />
      </section>
      <section aria-labelledby="in" class="prose">
        <h2 id="in">What the number includes</h2>
        <p>
          Realised cost is all the money a provider billed in a window, over all the tokens served
          in it. Idle time, cold starts, failed wakes, disks and addresses are in it; so are credits
          and corrections, in the minute in which the provider shows them.
        </p>
        <p>
          Not in it: the gateway's own server, the network of the client, people's time, taxes, and
          machines that send no bill (local and static ones), with the tokens they served.
        </p>
        <p>
          A window in which bills are missing is shown as unknown, never as 0. How each figure is
          made is on{" "}
          <a href="/economics/method">the method page</a>; why the invoice and not the price list
          counts is told in{" "}
          <a href="/learn/economics/invoice-true-cost">invoice-true cost per million tokens</a>.
        </p>
      </section>
    </Page>
  );
});

function costShown(label: string, figures: WindowFigures): ShownFigure {
  const { value, why } = costFigure(figures, "", "usd_per_mtok");
  return {
    ...{ label, value: value === null ? null : `$${value}`, unit: "per Mtok", why },
    isUnknown: figures.cost.some(({ tier, edge_unknown }) => tier === "" && edge_unknown),
    ...{ window: `trailing ${label}`, href: "/economics/method#realised_cost" },
  };
}
