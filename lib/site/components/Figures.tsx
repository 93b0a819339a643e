/** Figures of this deployment: each with its unit, its window, and why it is missing when it is. */
import type { ComponentChildren } from "preact";

export type ShownFigure = {
  readonly label: string;
  /** Null: there is none, and `why` says so. */
  readonly value: string | null;
  /** There is one, and it cannot be told. */
  readonly isUnknown?: boolean;
  readonly unit?: string;
  /** The time it speaks of, such as "trailing 30 days". */
  readonly window?: string;
  readonly why?: string;
  /** Where the SQL or the rows behind it are. */
  readonly href?: string;
};

export function Figures({ figures }: { figures: readonly ShownFigure[] }) {
  return (
    <dl class="figures">
      {figures.map((figure) => (
        <div key={figure.label} class="figure">
          <dt>{figure.label}</dt>
          <dd>
            <Value figure={figure} />
            <span class="why">{note(figure)}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Value({ figure: { value, unit, isUnknown } }: { figure: ShownFigure }) {
  if (value === null) {
    return <span class="value none">{isUnknown ? "unknown" : "no data yet"}</span>;
  }
  return <span class="value">{value}{unit === undefined ? "" : ` ${unit}`}</span>;
}

function note({ window, why, value, href }: ShownFigure): ComponentChildren {
  const text = value === null ? why ?? window ?? "" : window ?? "";
  return href === undefined || text === "" ? text : <a href={href}>{text}</a>;
}
