/** What the money of a window was for: by tier and use, and by model. */
import type { WindowFigures } from "@/lib/ledger/figures_read.ts";
import { cents, spendRows, USES } from "../economics_table.ts";
import { Scroll } from "./Scroll.tsx";

const BAR = 120;

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
          </tr>
        </thead>
        <tbody>
          {costByModel.map(({ model, usd, tokens, edge_unknown, usd_per_mtok }) => (
            <tr key={model}>
              <th scope="row">{model === "" ? "none: its tier served no token" : model}</th>
              <td class="number">{cents(Number(usd))}</td>
              <td class="number">{tokens.toLocaleString("en")}</td>
              <td class="number">
                {edge_unknown
                  ? "unknown"
                  : usd_per_mtok === null
                  ? "–"
                  : cents(Number(usd_per_mtok))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
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
