/** What sleeping between bursts saves: your own numbers. Without JavaScript it shows the example. */
import { useState } from "preact/hooks";
import { NumberField } from "../lib/site/components/NumberField.tsx";
import { idleCost, type IdleInput } from "../lib/site/idle_cost.ts";

export const when = "visible";

const EXAMPLE: IdleInput = {
  usdPerHour: 2.5,
  asleepUsdPerHour: 0.02,
  burstsPerDay: 12,
  busyMinutes: 5,
  wakeMinutes: 5,
  idleMinutes: 15,
};

const FIELDS = [
  { key: "usdPerHour", label: "Rent awake", unit: "$/h", min: 0, max: 1_000, step: 0.1 },
  { key: "asleepUsdPerHour", label: "Cost asleep", unit: "$/h", min: 0, max: 100, step: 0.01 },
  { key: "burstsPerDay", label: "Bursts a day", unit: "", min: 0, max: 10_000, step: 1 },
  { key: "wakeMinutes", label: "Billed minutes of a wake", unit: "min", min: 0, max: 60, step: 1 },
  { key: "busyMinutes", label: "Work per burst", unit: "min", min: 0, max: 1_440, step: 1 },
  { key: "idleMinutes", label: "Idle time before sleep", unit: "min", min: 0, max: 720, step: 1 },
] as const;

export default function IdleCalculator() {
  const [input, setInput] = useState(EXAMPLE);
  const result = idleCost(input);
  const saved = result.alwaysOnUsdPerMonth - result.sleepingUsdPerMonth;
  return (
    <section class="calculator" aria-label="Calculator: sleeping between bursts">
      <div class="fields">
        {FIELDS.map(({ key, ...field }) => (
          <NumberField
            key={key}
            id={`idle-${key}`}
            {...field}
            value={input[key]}
            onValue={(value) => setInput((before) => ({ ...before, [key]: value }))}
          />
        ))}
      </div>
      <dl class="results" aria-live="polite">
        <div>
          <dt>Sleeping between bursts</dt>
          <dd>
            {usd(result.sleepingUsdPerMonth)} a month
            <span class="quiet small">
              awake {result.awakeHoursPerDay.toFixed(1)} hours a day, serving for{" "}
              {(result.busyShare * 100).toFixed(0)} % of them
            </span>
          </dd>
        </div>
        <div>
          <dt>Always on</dt>
          <dd>{usd(result.alwaysOnUsdPerMonth)} a month</dd>
        </div>
        <div>
          <dt>Sleeping saves</dt>
          <dd>{usd(Math.max(0, saved))} a month</dd>
        </div>
      </dl>
    </section>
  );
}

function usd(amount: number): string {
  return `$${amount.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}
