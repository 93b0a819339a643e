/** Bars by day as SVG, drawn on the server, each of one or more parts; a table beside it says the same. */
export type Bar = {
  readonly label: string;
  /** From the ground up; null: it is not known, and drawn as such. What is below 0 has no height. */
  readonly values: readonly number[] | null;
};

export type BarChartProps = {
  readonly title: string;
  readonly bars: readonly Bar[];
  readonly format: (value: number) => string;
  /** The parts' names, from the ground up; none where a bar has one part. */
  readonly parts?: readonly string[];
};

const WIDTH = 640;
const HEIGHT = 140;
const HEADROOM = 0.95;
const GAP = 0.25;

export function BarChart({ title, bars, format, parts = [] }: BarChartProps) {
  const heights = bars.map(({ values }) => sum(values ?? []));
  const most = Math.max(0, ...heights);
  const isUnknown = bars.some(({ values }) => values === null);
  return (
    <figure class="chart">
      <figcaption>
        {title} <span class="most">{most > 0 ? `highest: ${format(most)}` : ""}</span>
      </figcaption>
      <svg
        class={parts.length === 0 ? "bars" : "bars uses"}
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${title}; the table below says the same`}
      >
        {bars.map((bar, i) => (
          <OneBar
            {...{ bar, i, parts, format }}
            key={bar.label}
            step={WIDTH / bars.length}
            scale={most > 0 ? (HEIGHT * HEADROOM) / most : 0}
          />
        ))}
        <path class="ground" d={`M0 ${HEIGHT}H${WIDTH}`} />
      </svg>
      <p class="ends">
        <span>{bars[0]?.label}</span>
        <span>{bars.at(-1)?.label}</span>
      </p>
      {parts.length > 0 || isUnknown ? <Legend parts={parts} isUnknown={isUnknown} /> : null}
    </figure>
  );
}

type OneBarProps = Pick<BarChartProps, "format"> & {
  readonly bar: Bar;
  readonly parts: readonly string[];
  readonly i: number;
  readonly step: number;
  readonly scale: number;
};

function OneBar({ bar: { label, values }, parts, format, i, step, scale }: OneBarProps) {
  const x = (i * step + (step * GAP) / 2).toFixed(1);
  const width = (step * (1 - GAP)).toFixed(1);
  if (values === null) {
    return (
      <rect class="none" {...{ x, width, y: 0, height: HEIGHT }}>
        <title>{`${label}: not known`}</title>
      </rect>
    );
  }
  let top = HEIGHT;
  return (
    <g>
      <title>{`${label}: ${format(values.reduce((all, value) => all + value, 0))}`}</title>
      {values.map((value, part) => {
        if (value <= 0) return null;
        const height = Math.max(0.8, value * scale);
        top -= height;
        return (
          <rect
            key={part}
            class={parts[part]?.toLowerCase()}
            {...{ x, width, y: top.toFixed(1), height: height.toFixed(1) }}
          />
        );
      })}
    </g>
  );
}

function Legend({ parts, isUnknown }: { parts: readonly string[]; isUnknown: boolean }) {
  const entries = [...parts, ...isUnknown ? ["Not known"] : []];
  return (
    <ul class="legend uses">
      {entries.map((name, i) => (
        <li key={name}>
          <svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
            <rect class={i < parts.length ? name.toLowerCase() : "none"} width="10" height="10" />
          </svg>
          {name}
        </li>
      ))}
    </ul>
  );
}

/** The height of a bar: what is below 0 takes nothing away. */
function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + Math.max(0, value), 0);
}
