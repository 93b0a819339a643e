/** Thirty days of the economics page: cost, money by use and tokens as charts, and all of it as one table. */
import { dayCostText, type DayShown } from "../economics_days.ts";
import { cents, USES } from "../economics_table.ts";
import { BarChart } from "./BarChart.tsx";
import { Scroll } from "./Scroll.tsx";

export type DayChartsProps = {
  readonly days: readonly DayShown[];
  /** Whether any provider sends bills; without, there is no money to draw. */
  readonly isBilled: boolean;
};

const USE_LABELS = USES.map(({ label }) => label);
const dollars = (value: number) => `$${cents(value)}`;
const whole = (value: number) => value.toLocaleString("en");

export function DayCharts({ days, isBilled }: DayChartsProps) {
  return (
    <>
      {isBilled
        ? (
          <>
            <BarChart
              title="Realised cost per million tokens by UTC day"
              format={dollars}
              bars={days.map(({ day, usdPerMtok }) => ({
                label: day,
                values: usdPerMtok === null ? null : [usdPerMtok],
              }))}
            />
            <BarChart
              title="Money by UTC day and what it was for"
              format={dollars}
              parts={USE_LABELS}
              bars={days.map(({ day, money }) => ({ label: day, values: money?.parts ?? null }))}
            />
          </>
        )
        : null}
      <BarChart
        title="Tokens by UTC day"
        format={whole}
        bars={days.map(({ day, tokensIn, tokensOut }) => ({
          label: day,
          values: [tokensIn + tokensOut],
        }))}
      />
      <details>
        <summary>The same as a table</summary>
        <DayTable days={days} isBilled={isBilled} />
      </details>
    </>
  );
}

function DayTable({ days, isBilled }: DayChartsProps) {
  return (
    <Scroll label="Figures by day">
      <table>
        <caption>
          The last day is not over. A day at whose edge bills are missing has an unknown cost.
        </caption>
        <thead>
          <tr>
            <th scope="col">Day (UTC)</th>
            {isBilled
              ? (
                <>
                  <th scope="col" class="number">$ per Mtok</th>
                  {USE_LABELS.map((label) => (
                    <th key={label} scope="col" class="number">{label}, $</th>
                  ))}
                  <th scope="col" class="number">All, $</th>
                </>
              )
              : null}
            <th scope="col" class="number">Requests</th>
            <th scope="col" class="number">Tokens in</th>
            <th scope="col" class="number">Tokens out</th>
          </tr>
        </thead>
        <tbody>
          {days.map((row) => (
            <tr key={row.day}>
              <th scope="row">{row.day}</th>
              {isBilled ? <Money row={row} /> : null}
              <td class="number">{whole(row.requests)}</td>
              <td class="number">{whole(row.tokensIn)}</td>
              <td class="number">{whole(row.tokensOut)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Money({ row }: { row: DayShown }) {
  return (
    <>
      <td class="number">{dayCostText(row)}</td>
      {USE_LABELS.map((label, i) => (
        <td key={label} class="number">
          {row.money === null ? "no bill" : cents(row.money.parts[i] ?? 0)}
        </td>
      ))}
      <td class="number">{row.money === null ? "no bill" : cents(row.money.usd)}</td>
    </>
  );
}
