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
      usd: cents(Number(row[key])),
      share: Number(row.usd) > 0 ? Math.max(0, Number(row[key]) / Number(row.usd)) : 0,
    })),
    usd: cents(Number(row.usd)),
  }));
}

/** Dollars and cents; less than a cent, and more than nothing, is not written as nothing. */
export function cents(usd: number): string {
  return usd !== 0 && Math.abs(usd) < 0.005 ? (usd > 0 ? "<0.01" : ">-0.01") : usd.toFixed(2);
}

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

export type TierShare = {
  readonly tier: string;
  /** For each window; null: never powered in it. */
  readonly utilisation: readonly (string | null)[];
  readonly idle: readonly (string | null)[];
  readonly poweredH: string | null;
};

/** Utilisation by tier over the windows, the fleet last; powered hours are of the last window. */
export function tierShares(windows: readonly WindowFigures[]): TierShare[] {
  const last = windows.at(-1);
  const tiers = last?.utilisation.map(({ tier }) => tier) ?? [];
  const percent = (share: string | undefined) =>
    share === undefined ? null : `${(Number(share) * 100).toFixed(1)} %`;
  const shown = tiers.map((tier) => {
    const rows = windows.map(({ utilisation }) => utilisation.find((row) => row.tier === tier));
    const poweredH = rows.at(-1)?.powered_h;
    return {
      tier: tier === "" ? "The fleet" : tier,
      utilisation: rows.map((row) => percent(row?.utilisation)),
      idle: rows.map((row) => percent(row?.idle_share)),
      poweredH: poweredH === undefined ? null : Number(poweredH).toFixed(2),
    };
  });
  return [...shown.slice(1), ...shown.slice(0, 1)];
}

export type Energy = {
  /** Of the tiers that declare what a machine draws; null: none of those that were powered does. */
  readonly kwh: number | null;
  /** Powered tiers of which it is not known. */
  readonly undeclared: readonly string[];
};

/** The energy of a window: what is known, and of which tiers nothing is. */
export function energyOf({ energy }: Pick<WindowFigures, "energy">): Energy {
  const known = energy.filter(({ kwh }) => kwh !== null);
  return {
    kwh: known.length === 0 ? null : known.reduce((sum, { kwh }) => sum + Number(kwh), 0),
    undeclared: [...new Set(energy.filter(({ kwh }) => kwh === null).map(({ tier }) => tier))],
  };
}
