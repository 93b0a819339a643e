/** A small bar chart as SVG, drawn on the server; a table beside it says the same. */
export type Bar = { readonly label: string; readonly value: number };
export type BarChartProps = { readonly title: string; readonly bars: readonly Bar[] };

const WIDTH = 640;
const HEIGHT = 160;
const BASE = 136;
const GAP = 0.25;

export function BarChart({ title, bars }: BarChartProps) {
  const most = Math.max(1, ...bars.map(({ value }) => value));
  const step = WIDTH / Math.max(1, bars.length);
  const [first, last] = [bars[0], bars.at(-1)];
  return (
    <svg class="bars" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={title}>
      <path class="ground" d={`M0 ${BASE}H${WIDTH}`} />
      {bars.map(({ label, value }, i) => {
        const height = Math.max(value > 0 ? 2 : 0, (value / most) * (BASE - 12));
        return (
          <rect
            key={label}
            x={(i * step + (step * GAP) / 2).toFixed(1)}
            y={(BASE - height).toFixed(1)}
            width={(step * (1 - GAP)).toFixed(1)}
            height={height.toFixed(1)}
          >
            <title>{`${label}: ${value.toLocaleString("en")}`}</title>
          </rect>
        );
      })}
      {first === undefined ? null : <text x="0" y={HEIGHT - 6}>{first.label}</text>}
      {last === undefined || bars.length < 2
        ? null
        : <text x={WIDTH} y={HEIGHT - 6} text-anchor="end">{last.label}</text>}
    </svg>
  );
}
