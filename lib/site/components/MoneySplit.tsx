/** Money in parts: its cost per million tokens by tier, what it was for, and which model it is shared out to. */
import type { WindowFigures } from "@/lib/ledger/figures_read.ts";
import { costFigure } from "../figure_values.ts";
import { cents, spendRows, USES } from "../economics_table.ts";
import { Scroll } from "./Scroll.tsx";

const BAR = 120;

/** `windows`: 24 hours, 7 days, 30 days. */
export function CostByTier({ windows }: { windows: readonly WindowFigures[] }) {
  const month = windows.slice(-1);
  const tiers = month.flatMap(({ cost }) => cost.map(({ tier }) => tier));
  const cell = (
    figures: WindowFigures,
    tier: string,
    which: "usd_per_mtok" | "usd_per_mtok_output",
  ) => ({
    value: costFigure(figures, tier, which).value,
    isUnknown: figures.cost.find((row) => row.tier === tier)?.edge_unknown ?? false,
  });
  const cells = (tier: string) => [
    ...windows.map((figures) => cell(figures, tier, "usd_per_mtok")),
    ...month.map((figures) => cell(figures, tier, "usd_per_mtok_output")),
  ];
  return (
    <Scroll label="Realised cost by tier">
      <table>
        <caption>
          US dollars per million tokens, in and out; in the last column per million tokens out
          alone, for the same money. <a href="/economics/method#realised_cost">How it is made</a>
        </caption>
        <thead>
          <tr>
            <th scope="col">Tier</th>
            <th scope="col" class="number">24 hours</th>
            <th scope="col" class="number">7 days</th>
            <th scope="col" class="number">30 days</th>
            <th scope="col" class="number">30 days, tokens out</th>
          </tr>
        </thead>
        <tbody>
          {[...tiers.filter((tier) => tier !== ""), ""].map((tier) => (
            <tr key={tier}>
              <th scope="row">{tier === "" ? "The fleet" : tier}</th>
              {cells(tier).map(({ value, isUnknown }, i) => (
                <td key={i} class="number">
                  {value ?? <span class="quiet">{isUnknown ? "unknown" : "no token"}</span>}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

export function MoneyByTier({ month }: { month: WindowFigures }) {
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

export function MoneyByModel({ month: { costByModel } }: { month: WindowFigures }) {
  if (costByModel.length === 0) {
    return <p class="quiet">No money and no token of a billed tier in the last thirty days.</p>;
  }
  return (
    <Scroll label="Realised cost by model">
      <table>
        <caption>
          A tier's money, shared among its models by their tokens, trailing thirty days.{" "}
          <a href="/economics/method#cost_by_model">How it is shared</a>
        </caption>
        <thead>
          <tr>
            <th scope="col">Model</th>
            <th scope="col" class="number">Money, $</th>
            <th scope="col" class="number">Tokens</th>
            <th scope="col" class="number">$ per Mtok</th>
            <th scope="col" class="number">$ per Mtok out</th>
          </tr>
        </thead>
        <tbody>
          {costByModel.map(({ model, usd, tokens, ...row }) => (
            <tr key={model}>
              <th scope="row">{model === "" ? "none: its tier served no token" : model}</th>
              <td class="number">{cents(Number(usd))}</td>
              <td class="number">{tokens.toLocaleString("en")}</td>
              <td class="number">{rateText(row.edge_unknown, row.usd_per_mtok)}</td>
              <td class="number">{rateText(row.edge_unknown, row.usd_per_mtok_output)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function rateText(isUnknown: boolean, usd: string | null): string {
  if (usd !== null) return cents(Number(usd));
  return isUnknown ? "unknown" : "no token";
}

function ShareBar({ parts }: { parts: readonly { label: string; share: number }[] }) {
  let from = 0;
  return (
    <svg class="uses" viewBox={`0 0 ${BAR} 10`} width={BAR} height="10" aria-hidden="true">
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
