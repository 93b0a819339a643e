/** What the tokens really cost, and what the machines did, from this deployment's own rows. */
import { BarChart } from "../../lib/site/components/BarChart.tsx";
import { Figures, type ShownFigure } from "../../lib/site/components/Figures.tsx";
import { Page } from "../../lib/site/components/Page.tsx";
import { PageHead } from "../../lib/site/components/PageHead.tsx";
import { Scroll } from "../../lib/site/components/Scroll.tsx";
import { define } from "../../lib/site/define.ts";
import { daysOf, figureRows, spendRows, USES } from "../../lib/site/economics_table.ts";
import { costFigure, NO_BILL } from "../../lib/site/figure_values.ts";
import { sitePage } from "../../lib/site/pages.ts";
import type { WindowFigures } from "../../lib/ledger/figures_read.ts";
import { utcText } from "../../lib/site/shown_time.ts";

export default define.page(async ({ state }) => {
  const [day, week, month] = await Promise.all([
    state.windows("24h"),
    state.windows("7d"),
    state.windows("30d"),
  ]);
  const costs = [
    { label: "24 hours", figures: day },
    { label: "7 days", figures: week },
    { label: "30 days", figures: month },
  ];
  const rows = figureRows([day, week, month]);
  const days = daysOf(month);
  return (
    <Page state={state} {...sitePage("/economics")}>
      <PageHead title="Economics" eyebrow="From our own rows">
        <p>
          What a million tokens really cost, with idle time, cold starts and disks in the number;
          and what the machines did for it. Every figure is SQL you can read.
        </p>
      </PageHead>
      <section aria-labelledby="cost">
        <h2 id="cost">Realised cost per million tokens</h2>
        {month.gaps.length === 0
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
              <Spend month={month} />
            </>
          )}
      </section>
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
      <section aria-labelledby="days">
        <h2 id="days">Tokens by day</h2>
        {month.byDay.length === 0
          ? <p class="quiet">No data yet: no request has ended in the last thirty days.</p>
          : (
            <>
              <BarChart
                title="Tokens by UTC day, trailing thirty days"
                bars={days.map(({ day, tokens }) => ({ label: day, value: tokens }))}
              />
              <details>
                <summary>The same as a table</summary>
                <Scroll label="Tokens by day">
                  <table>
                    <thead>
                      <tr>
                        <th scope="col">Day (UTC)</th>
                        <th scope="col" class="number">Requests</th>
                        <th scope="col" class="number">Tokens in</th>
                        <th scope="col" class="number">Tokens out</th>
                      </tr>
                    </thead>
                    <tbody>
                      {month.byDay.map((row) => (
                        <tr key={row.day}>
                          <th scope="row">{row.day}</th>
                          <td class="number">{row.requests.toLocaleString("en")}</td>
                          <td class="number">{row.prompt_tokens.toLocaleString("en")}</td>
                          <td class="number">{row.completion_tokens.toLocaleString("en")}</td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </Scroll>
              </details>
            </>
          )}
      </section>
      <section aria-labelledby="in" class="prose">
        <h2 id="in">What the number includes</h2>
        <p>
          Realised cost is all the money a provider billed in a window, over all the tokens served
          in it. Idle time, cold starts, failed wakes, disks and addresses are in it. The gateway's
          own server, the network of the client and people's time are not.
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
    ...{ window: `trailing ${label}`, href: "/economics/method#realised_cost" },
  };
}

/** What the money was for, by tier: a bar in proportion, and the amounts. */
function Spend({ month }: { month: WindowFigures }) {
  const rows = spendRows(month);
  if (rows.length === 0) return <p class="quiet">Nothing was billed in the last thirty days.</p>;
  return (
    <Scroll label="Money by tier and use">
      <table>
        <caption>
          What the money was for, trailing thirty days, US dollars.{" "}
          <a href="/economics/method#spend">How it is told apart</a>
        </caption>
        <thead>
          <tr>
            <th scope="col">Tier</th>
            {USES.map(({ label }) => <th key={label} scope="col" class="number">{label}</th>)}
            <th scope="col" class="number">All</th>
            <th scope="col">Share</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ tier, parts, usd }) => (
            <tr key={tier}>
              <th scope="row">{tier}</th>
              {parts.map((part) => <td key={part.label} class="number">{part.usd}</td>)}
              <td class="number">
                <strong>{usd}</strong>
              </td>
              <td>
                <ShareBar parts={parts} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

const BAR = 120;

function ShareBar({ parts }: { parts: readonly { label: string; share: number }[] }) {
  let from = 0;
  return (
    <svg class="share" viewBox={`0 0 ${BAR} 10`} width={BAR} height="10" aria-hidden="true">
      {parts.map(({ label, share }) => {
        const x = from;
        from += share * BAR;
        return (
          <rect
            key={label}
            class={label.toLowerCase()}
            x={x.toFixed(1)}
            width={(share * BAR).toFixed(1)}
            height="10"
          />
        );
      })}
    </svg>
  );
}
