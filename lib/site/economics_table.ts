/** The economics page's rows from what the folds answered. Pure. */
import type { WindowFigures } from "@/lib/ledger/figures_read.ts";
import type { FoldName } from "@/lib/ledger/folds.ts";

export type FigureRow = {
  readonly label: string;
  readonly fold: FoldName;
  /** One for each window; null: there is none. */
  readonly values: readonly (string | null)[];
};

/** What money was for, in the order it is shown. */
export const USES = [
  { key: "serving_usd", label: "Serving" },
  { key: "warm_up_usd", label: "Warm-up" },
  { key: "idle_usd", label: "Idle" },
  { key: "storage_usd", label: "Storage" },
  { key: "unknown_usd", label: "Unknown" },
] as const;

export type SpendRow = {
  readonly tier: string;
  readonly parts: readonly {
    readonly label: string;
    readonly usd: string;
    readonly share: number;
  }[];
  readonly usd: string;
};

/** The money of a window by tier and use, in dollars and cents; the shares of a tier add up to 1. */
export function spendRows({ spend }: Pick<WindowFigures, "spend">): SpendRow[] {
  return spend.map((row) => ({
    tier: row.tier === "" ? "no tier" : row.tier,
    parts: USES.map(({ key, label }) => ({
      label,
      usd: Number(row[key]).toFixed(2),
      share: Number(row.usd) > 0 ? Math.max(0, Number(row[key]) / Number(row.usd)) : 0,
    })),
    usd: Number(row.usd).toFixed(2),
  }));
}

const DAY_MS = 86_400_000;
const S_PER_H = 3_600;

/** One row for each figure, one value for each window. */
export function figureRows(windows: readonly WindowFigures[]): FigureRow[] {
  const row = (
    label: string,
    fold: FoldName,
    of: (figures: WindowFigures) => string | null,
  ): FigureRow => ({ label, fold, values: windows.map(of) });
  const whole = (n: number) => n.toLocaleString("en");
  const percent = (part: number, all: number) =>
    all <= 0 ? null : `${((part / all) * 100).toFixed(1)} %`;
  const sum = (figures: WindowFigures, of: "powered_s" | "busy_s" | "idle_s") =>
    figures.machineTime.reduce((total, each) => total + each[of], 0);
  const ifAny = (n: number, text: string) => n === 0 ? null : text;
  return [
    row(
      "Requests",
      "requests_and_tokens",
      ({ usage }) => ifAny(usage.requests, whole(usage.requests)),
    ),
    row(
      "Tokens in",
      "requests_and_tokens",
      ({ usage }) => ifAny(usage.requests, whole(usage.prompt_tokens)),
    ),
    row(
      "Tokens out",
      "requests_and_tokens",
      ({ usage }) => ifAny(usage.requests, whole(usage.completion_tokens)),
    ),
    row("Wakes served", "wakes", ({ wakes }) => ifAny(wakes.served, whole(wakes.served))),
    row(
      "Wake to a healthy engine, median",
      "wakes",
      ({ wakes }) => wakes.p50_s === null ? null : `${wakes.p50_s.toFixed(1)} s`,
    ),
    row(
      "Wake to a healthy engine, p95",
      "wakes",
      ({ wakes }) => wakes.p95_s === null ? null : `${wakes.p95_s.toFixed(1)} s`,
    ),
    row(
      "Requests that waited and got a 504",
      "wake_timeouts",
      ({ timeouts }) => percent(timeouts.timed_out, timeouts.waited),
    ),
    row("Machine time, powered", "machine_time", (figures) => {
      const hours = sum(figures, "powered_s") / S_PER_H;
      return hours === 0 ? null : `${hours.toFixed(2)} h`;
    }),
    row(
      "Utilisation",
      "machine_time",
      (figures) => percent(sum(figures, "busy_s"), sum(figures, "powered_s")),
    ),
    row(
      "Idle share",
      "machine_time",
      (figures) => percent(sum(figures, "idle_s"), sum(figures, "powered_s")),
    ),
  ];
}

/** Every UTC day of the window with its tokens; days without any have 0. */
export function daysOf(
  { window, byDay }: WindowFigures,
): { readonly day: string; readonly tokens: number }[] {
  const known = new Map(
    byDay.map((row) => [row.day, row.prompt_tokens + row.completion_tokens]),
  );
  const days: { day: string; tokens: number }[] = [];
  for (let at = window.from + DAY_MS; at < window.to + DAY_MS; at += DAY_MS) {
    const day = new Date(at).toISOString().slice(0, 10);
    days.push({ day, tokens: known.get(day) ?? 0 });
  }
  return days;
}
