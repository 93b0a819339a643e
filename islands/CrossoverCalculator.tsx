/** Buy tokens or run machines: your own numbers. Without JavaScript it shows the example. */
import { useState } from "preact/hooks";
import { NumberField } from "../lib/site/components/NumberField.tsx";
import { crossover, type CrossoverInput } from "../lib/site/crossover.ts";

export const when = "visible";

const EXAMPLE: CrossoverInput = {
  mtokPerMonth: 500,
  usdPerMtok: 0.6,
  usdPerHour: 2.5,
  tokensPerSecond: 1_500,
  idleShare: 0.4,
  engineerHours: 10,
  usdPerEngineerHour: 100,
};

const FIELDS = [
  { key: "mtokPerMonth", label: "Tokens a month", unit: "million", min: 0, max: 1e6, step: 10 },
  { key: "usdPerMtok", label: "Price when bought", unit: "$/Mtok", min: 0, max: 1_000, step: 0.05 },
  { key: "usdPerHour", label: "Machine rent", unit: "$/h", min: 0, max: 1_000, step: 0.1 },
  { key: "tokensPerSecond", label: "Speed when busy", unit: "tok/s", min: 1, max: 1e6, step: 50 },
  { key: "engineerHours", label: "Engineer's time", unit: "h/month", min: 0, max: 1_000, step: 1 },
  { key: "usdPerEngineerHour", label: "Engineer's hour", unit: "$", min: 0, max: 1_000, step: 10 },
] as const;

export default function CrossoverCalculator() {
  const [input, setInput] = useState(EXAMPLE);
  const set = (key: keyof CrossoverInput) => (value: number) =>
    setInput((before) => ({ ...before, [key]: value }));
  const result = crossover(input);
  return (
    <section class="calculator" aria-label="Calculator: buy tokens or run machines">
      <div class="fields">
        {FIELDS.map(({ key, ...field }) => (
          <NumberField
            key={key}
            id={`crossover-${key}`}
            {...field}
            value={input[key]}
            onValue={set(key)}
          />
        ))}
        <NumberField
          id="crossover-idle"
          label="Idle share of rented time"
          unit="%"
          {...{ min: 0, max: 99, step: 5 }}
          value={Math.round(input.idleShare * 100)}
          onValue={(percent) => set("idleShare")(percent / 100)}
        />
      </div>
      <dl class="results" aria-live="polite">
        <div>
          <dt>Bought</dt>
          <dd>{usd(result.buyUsd)} a month</dd>
        </div>
        <div>
          <dt>Run yourself</dt>
          <dd>
            {usd(result.runUsd)} a month
            <span class="quiet small">
              {hours(result.machineHours)} of machine, {usd(result.rentUsd)}; engineer{" "}
              {usd(result.engineerUsd)}; {usd(result.runUsdPerMtok)}{" "}
              a million tokens before the engineer
            </span>
          </dd>
        </div>
        <div>
          <dt>They cost the same at</dt>
          <dd>
            {result.crossoverMtok === null
              ? "no volume: a token of the machine costs more than a bought one"
              : `${Math.ceil(result.crossoverMtok).toLocaleString("en")} million tokens a month`}
          </dd>
        </div>
      </dl>
    </section>
  );
}

function usd(amount: number): string {
  return `$${amount.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

function hours(n: number): string {
  return `${n.toLocaleString("en", { maximumFractionDigits: 0 })} h`;
}
