/** The live figures an article may name: what they are, and how they read. */

/** Every figure there is; `{{figure NAME}}` in an article names one. */
export const FIGURES = {
  "realised-usd-per-mtok-30d": { unit: "USD per million tokens", window: "trailing 30 days" },
  "realised-usd-per-mtok-output-30d": {
    unit: "USD per million output tokens",
    window: "trailing 30 days",
  },
  "utilisation-30d": { unit: "%", window: "trailing 30 days" },
  "idle-share-30d": { unit: "%", window: "trailing 30 days" },
  "wake-p50-s-30d": { unit: "s", window: "trailing 30 days" },
  "wake-p95-s-30d": { unit: "s", window: "trailing 30 days" },
  "wakes-30d": { unit: "wakes", window: "trailing 30 days" },
  "wake-timeout-share-30d": { unit: "%", window: "trailing 30 days" },
  "requests-24h": { unit: "requests", window: "trailing 24 hours" },
  "tokens-24h": { unit: "tokens", window: "trailing 24 hours" },
  "gateway-cap-s": { unit: "s", window: "from the configuration" },
} as const;

export type FigureName = keyof typeof FIGURES;

/** What a figure is now; null: there is none, and `why` says so. */
export type FigureValue = { readonly value: string | null; readonly why: string };

export type Figures = ReadonlyMap<FigureName, FigureValue>;

export function isFigureName(name: string): name is FigureName {
  return Object.hasOwn(FIGURES, name);
}

/** As it stands in a sentence: `8.4 s`, or `no data yet`. */
export function figureText(name: FigureName, figures: Figures): string {
  const value = figures.get(name)?.value ?? null;
  if (value === null) return "no data yet";
  const { unit } = FIGURES[name];
  if (unit.startsWith("USD")) return `$${value} ${unit.slice(4)}`;
  return unit === "%" ? `${value} %` : `${value} ${unit}`;
}
