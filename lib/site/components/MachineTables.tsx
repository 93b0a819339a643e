/** What the machines did, as tables: shares of their time by tier, the phases of wakes, energy by day. */
import type { WindowFigures } from "@/lib/ledger/figures_read.ts";
import { energyOf, tierShares } from "../economics_table.ts";
import { spanText } from "../shown_time.ts";
import { Scroll } from "./Scroll.tsx";

/** `windows`: 24 hours, 7 days, 30 days. */
export function Utilisation({ windows }: { windows: readonly WindowFigures[] }) {
  const rows = tierShares(windows);
  if (rows.length === 0) {
    return <p class="quiet">No data yet: no machine was powered in the last thirty days.</p>;
  }
  return (
    <Scroll label="Utilisation by tier">
      <table>
        <caption>
          Utilisation, and in brackets the idle share of powered time.{" "}
          <a href="/economics/method#utilisation">What counts as what</a>
        </caption>
        <thead>
          <tr>
            <th scope="col">Tier</th>
            <th scope="col" class="number">24 hours</th>
            <th scope="col" class="number">7 days</th>
            <th scope="col" class="number">30 days</th>
            <th scope="col" class="number">Powered, 30 days</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ tier, utilisation, idle, poweredH }) => (
            <tr key={tier}>
              <th scope="row">{tier}</th>
              {utilisation.map((share, i) => (
                <td key={i} class="number">
                  {share === null ? <span class="quiet">was off</span> : `${share} (${idle[i]})`}
                </td>
              ))}
              <td class="number">{poweredH === null ? "" : `${poweredH} h`}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

export function WakePhases({ month: { phases } }: { month: WindowFigures }) {
  if (phases.length === 0) {
    return <p class="quiet">No data yet: no wake has been served in the last thirty days.</p>;
  }
  return (
    <Scroll label="Phases of wakes">
      <table>
        <caption>
          Served wakes, trailing thirty days: each phase from the end of the one before.{" "}
          <a href="/economics/method#wake_phases">How they are told apart</a>
        </caption>
        <thead>
          <tr>
            <th scope="col">Until</th>
            <th scope="col" class="number">Wakes</th>
            <th scope="col" class="number">Median</th>
            <th scope="col" class="number">p95</th>
          </tr>
        </thead>
        <tbody>
          {phases.map(({ phase, wakes, p50_s, p95_s }) => (
            <tr key={phase}>
              <th scope="row">{phase}</th>
              <td class="number">{wakes.toLocaleString("en")}</td>
              <td class="number">{spanText(p50_s * 1_000)}</td>
              <td class="number">{spanText(p95_s * 1_000)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

export function EnergyByDay({ month }: { month: WindowFigures }) {
  const { energy } = month;
  const { kwh, undeclared } = energyOf(month);
  if (energy.length === 0) {
    return <p class="quiet">No data yet: no machine was powered in the last thirty days.</p>;
  }
  return (
    <>
      <p>
        {kwh === null
          ? "No data yet: no tier that was powered declares what one of its machines draws (watts in the lineup)."
          : `${kwh.toFixed(2)} kWh in the last thirty days, reckoned from declared watts.`}{" "}
        {kwh === null || undeclared.length === 0
          ? ""
          : `Not in it, for they declare none: ${undeclared.join(", ")}.`}
      </p>
      <details>
        <summary>Energy by day and tier</summary>
        <Scroll label="Energy by day and tier">
          <table>
            <caption>
              Powered hours times declared watts.{" "}
              <a href="/economics/method#energy_by_day">How it is reckoned</a>
            </caption>
            <thead>
              <tr>
                <th scope="col">Day (UTC)</th>
                <th scope="col">Tier</th>
                <th scope="col" class="number">Powered, h</th>
                <th scope="col" class="number">Watts</th>
                <th scope="col" class="number">kWh</th>
                <th scope="col" class="number">Wh per Mtok</th>
              </tr>
            </thead>
            <tbody>
              {energy.map((row) => (
                <tr key={`${row.day} ${row.tier}`}>
                  <th scope="row">{row.day}</th>
                  <td>{row.tier}</td>
                  <td class="number">{Number(row.powered_h).toFixed(2)}</td>
                  <td class="number">{row.watts ?? "not declared"}</td>
                  <td class="number">
                    {row.kwh === null ? "unknown" : Number(row.kwh).toFixed(2)}
                  </td>
                  <td class="number">{perMtok(row)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </details>
    </>
  );
}

function perMtok({ kwh, wh_per_mtok }: WindowFigures["energy"][number]): string {
  if (kwh === null) return "unknown";
  return wh_per_mtok === null ? "no token" : Number(wh_per_mtok).toFixed(0);
}
