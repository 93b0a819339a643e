/** Past days by our snapshots beside the provider's own figures, with what lies between. */
import type { Reconciled, ReconciledDay } from "@/lib/ledger/reconciliation_store.ts";
import { Scroll } from "./Scroll.tsx";

export type ReconciliationReader = () => Promise<readonly ReconciledDay[]>;

export function Reconciliation({ days }: { readonly days: readonly ReconciledDay[] }) {
  return (
    <section aria-labelledby="reconciliation">
      <h2 id="reconciliation">Beside the provider's own figures</h2>
      {days.length === 0
        ? (
          <p class="quiet">
            No data yet: two hours after each day (UTC) our sum of it is set beside the provider's.
          </p>
        )
        : (
          <Scroll label="Days by our bills and by the provider's own">
            <table>
              <caption>
                US dollars of the whole account, other people's machines on it included. Machine
                minutes are those paid for as more than storage, beside those the provider calls
                active. A bill lags by up to a minute, so a day's edges may lie a minute apart.
              </caption>
              <thead>
                <tr>
                  <th scope="col">Day (UTC)</th>
                  <th scope="col">Provider</th>
                  <th scope="col" class="number">Ours</th>
                  <th scope="col" class="number">Theirs</th>
                  <th scope="col" class="number">Ours less theirs</th>
                  <th scope="col" class="number">Machine minutes, ours</th>
                  <th scope="col" class="number">Theirs</th>
                  <th scope="col" class="number">Minutes without a bill</th>
                </tr>
              </thead>
              <tbody>
                {days.map(({ provider, day, account, machines, missingMinutes }) => (
                  <tr key={`${provider} ${day}`}>
                    <th scope="row">{day}</th>
                    <td>{provider}</td>
                    <td class="number">{usd(account.oursNanoUsd)}</td>
                    <td class="number">{usd(account.theirsNanoUsd)}</td>
                    <td class="number">{usd(difference(account))}</td>
                    <td class="number">
                      {minutes(machines.map((each) =>
                        each.oursMinutes
                      ))}
                    </td>
                    <td class="number">{minutes(machines.map((each) => each.theirsMinutes))}</td>
                    <td class="number">{missingMinutes.toLocaleString("en")}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
    </section>
  );
}

const NANO_PER_USD = 1e9;

function difference({ oursNanoUsd, theirsNanoUsd }: Reconciled): bigint | null {
  return theirsNanoUsd === null ? null : oursNanoUsd - theirsNanoUsd;
}

function usd(nanoUsd: bigint | null) {
  if (nanoUsd === null) return <span class="quiet">unknown</span>;
  const cents = (Number(nanoUsd) / NANO_PER_USD).toFixed(2);
  return cents === "-0.00" ? "0.00" : cents;
}

/** The sum over a day's machines; where one is not known, the sum is not. */
function minutes(all: readonly (number | null)[]) {
  if (all.length === 0) return "0";
  const known = all.filter((one) => one !== null);
  if (known.length < all.length) return <span class="quiet">unknown</span>;
  return Math.round(known.reduce((sum, one) => sum + one, 0)).toLocaleString("en");
}
