/** The lineup in short: each tier with the state of its machines and how long a wake takes. */
import { spanText } from "../shown_time.ts";
import type { StatusSnapshot } from "../status_snapshot.ts";
import { Scroll } from "./Scroll.tsx";
import { StateBadge } from "./StateBadge.tsx";

export function LineupNow({ snapshot }: { snapshot: StatusSnapshot }) {
  return (
    <Scroll label="Tiers and their machines">
      <table>
        <thead>
          <tr>
            <th scope="col">Tier, first choice first</th>
            <th scope="col">Band</th>
            <th scope="col">Models</th>
            <th scope="col">Machines</th>
            <th scope="col" class="number">Median wake</th>
          </tr>
        </thead>
        <tbody>
          {snapshot.tiers.map((tier) => (
            <tr key={tier.name}>
              <th scope="row">
                {tier.name}
                {tier.gpu === "" ? null : <span class="quiet small block">{tier.gpu}</span>}
              </th>
              <td>
                <span class={`tag band ${tier.band}`}>{tier.band}</span>
              </td>
              <td class="small">{tier.models.join(", ")}</td>
              <td>
                <span class="row tight">
                  {tier.machines.map(({ name, state }) => <StateBadge key={name} state={state} />)}
                </span>
              </td>
              <td class="number">
                {tier.eta === null ? "no data yet" : spanText(tier.eta.p50S * 1_000)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
