/** What a workload costs in each band, with its arithmetic; drawn alike on the server and in the browser. */
import { formatUsd } from "@/lib/kernel/money.ts";
import {
  DAYS_PER_MONTH,
  type ModelRates,
  readableUsd,
  savedPercent,
  type Workload,
  workloadCost,
} from "../price_workload.ts";
import { Scroll } from "./Scroll.tsx";

export type WorkloadCostsProps = {
  readonly models: readonly ModelRates[];
  readonly workload: Workload;
};

export function WorkloadCosts({ models, workload }: WorkloadCostsProps) {
  const model = models.find(({ id }) => id === workload.model);
  if (model === undefined || model.bands.length === 0) {
    return <p class="quiet">No tier of the lineup serves this model.</p>;
  }
  const costs = model.bands.map(({ band, rate }) => ({
    ...{ band, rate, cost: rate === null ? null : workloadCost(workload, rate) },
  }));
  const month = (band: string) =>
    costs.find((each) => each.band === band)?.cost?.perMonthNanoUsd ?? null;
  const [spot, standard] = [month("spot"), month("standard")];
  const saved = spot === null || standard === null ? null : savedPercent(spot, standard);
  return (
    <>
      <Scroll label="Cost of the workload by band">
        <table>
          <thead>
            <tr>
              <th scope="col">Band</th>
              <th scope="col">One request</th>
              <th scope="col" class="number">A day</th>
              <th scope="col" class="number">A month of {DAYS_PER_MONTH} days</th>
            </tr>
          </thead>
          <tbody>
            {costs.map(({ band, rate, cost }) => (
              <tr key={band}>
                <th scope="row">
                  <span class={`tag band ${band}`}>{band}</span>
                </th>
                {rate === null || cost === null ? <td colSpan={3}>no charge is set</td> : (
                  <>
                    <td class="small">
                      {workload.promptTokens.toLocaleString("en")} × ${formatUsd(rate.inputNanoUsd)}
                      {" + "}
                      {workload.completionTokens.toLocaleString("en")} ×{" "}
                      ${formatUsd(rate.outputNanoUsd)}, per million ={" "}
                      <strong>${readableUsd(cost.perRequestNanoUsd)}</strong>
                    </td>
                    <td class="number">${readableUsd(cost.perDayNanoUsd)}</td>
                    <td class="number">
                      <strong>${readableUsd(cost.perMonthNanoUsd)}</strong>
                    </td>
                  </>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {saved === null || spot === null || standard === null ? null : (
        <p>
          Spot costs <strong>${readableUsd(standard - spot)}</strong> less a month, {saved}{" "}
          %: ${readableUsd(standard)} − ${readableUsd(spot)}.
        </p>
      )}
    </>
  );
}
