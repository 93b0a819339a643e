/** A labelled number in a calculator. */
export type NumberFieldProps = {
  readonly id: string;
  readonly label: string;
  readonly unit: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly onValue: (value: number) => void;
};

export function NumberField(
  { id, label, unit, value, min, max, step, onValue }: NumberFieldProps,
) {
  return (
    <div class="number-field">
      <label for={id}>{label}</label>
      <span class="with-unit">
        <input
          id={id}
          type="number"
          inputMode="decimal"
          value={value}
          min={min}
          max={max}
          step={step}
          onInput={({ currentTarget }) => {
            const next = currentTarget.valueAsNumber;
            if (next >= min && next <= max) onValue(next);
          }}
        />
        <span class="unit">{unit}</span>
      </span>
    </div>
  );
}
