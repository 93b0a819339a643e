/** What a workload costs by band. Without JavaScript the form asks the server. */
import { useState } from "preact/hooks";
import { WorkloadCosts } from "../lib/site/components/WorkloadCosts.tsx";
import {
  type ModelRates,
  wholeNumber,
  type Workload,
  WORKLOAD_FIELDS,
  type WorkloadField,
  workloadSearch,
} from "../lib/site/price_workload.ts";

export type PriceCalculatorProps = {
  readonly models: readonly ModelRates[];
  readonly workload: Workload;
};

const FIELDS = Object.keys(WORKLOAD_FIELDS) as WorkloadField[];

export default function PriceCalculator({ models, workload: first }: PriceCalculatorProps) {
  const [workload, setWorkload] = useState(first);

  function change(next: Workload): void {
    setWorkload(next);
    // The address follows, so that a link or a reload shows the same.
    history.replaceState(history.state, "", location.pathname + workloadSearch(next));
  }

  return (
    <div class="price-calculator">
      <form method="get" action="/pricing" aria-label="Workload">
        <div>
          <label for="workload-model">Model</label>
          <select
            id="workload-model"
            name="model"
            value={workload.model}
            onChange={({ currentTarget }) => change({ ...workload, model: currentTarget.value })}
          >
            {models.map(({ id, name }) => (
              <option key={id} value={id} selected={id === workload.model}>{name}</option>
            ))}
          </select>
        </div>
        {FIELDS.map((field) => {
          const { param, label, least, most } = WORKLOAD_FIELDS[field];
          return (
            <div key={field}>
              <label for={`workload-${param}`}>{label}</label>
              <input
                id={`workload-${param}`}
                name={param}
                type="number"
                min={least}
                max={most}
                value={workload[field]}
                onInput={({ currentTarget }) => {
                  const number = wholeNumber(currentTarget.value, field);
                  if (number !== null) change({ ...workload, [field]: number });
                }}
              />
            </div>
          );
        })}
        <button class="button quiet" type="submit">Work it out</button>
      </form>
      <div aria-live="polite">
        <WorkloadCosts models={models} workload={workload} />
      </div>
    </div>
  );
}
