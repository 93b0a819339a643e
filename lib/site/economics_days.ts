/** The days of the economics page, from what the folds by day answered. Pure. */
import type { WindowFigures } from "@/lib/ledger/figures_read.ts";
import { USES } from "./economics_table.ts";

export type DayShown = {
  readonly day: string;
  readonly requests: number;
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** In the order of `USES`, in dollars; null: no bill was read yet. */
  readonly money: { readonly parts: readonly number[]; readonly usd: number } | null;
  /** Bills are missing at an edge of the day: its money may be another day's. */
  readonly isEdgeUnknown: boolean;
  /** Null: unknown, or no token. */
  readonly usdPerMtok: number | null;
};

const DAY_MS = 86_400_000;

/**
 * The last thirty UTC days of the window, the one that is not over among them; the part of a day with which the window
 * begins is left out. A day without requests has 0 of them; a day without a bill has no money, and not 0.
 */
export function daysOf({ window, byDay, spendByDay, costByDay }: WindowFigures): DayShown[] {
  const [used, billed, costs] = [byName(byDay), byName(spendByDay), byName(costByDay)];
  const days: DayShown[] = [];
  for (let at = window.from + DAY_MS; at < window.to + DAY_MS; at += DAY_MS) {
    const day = new Date(at - 1).toISOString().slice(0, 10);
    const [usage, bill, cost] = [used.get(day), billed.get(day), costs.get(day)];
    days.push({
      day,
      requests: usage?.requests ?? 0,
      tokensIn: usage?.prompt_tokens ?? 0,
      tokensOut: usage?.completion_tokens ?? 0,
      money: bill === undefined
        ? null
        : { parts: USES.map(({ key }) => Number(bill[key])), usd: Number(bill.usd) },
      isEdgeUnknown: bill?.edge_unknown ?? false,
      usdPerMtok: cost === undefined || cost.usd_per_mtok === null
        ? null
        : Number(cost.usd_per_mtok),
    });
  }
  return days;
}

/** What stands in a table for a day's cost per million tokens, or why there is none. */
export function dayCostText({ money, isEdgeUnknown, usdPerMtok }: DayShown): string {
  if (money === null) return "no bill";
  if (isEdgeUnknown) return "unknown";
  return usdPerMtok === null ? "no token" : `$${usdPerMtok.toFixed(2)}`;
}

function byName<Row extends { readonly day: string }>(rows: readonly Row[]): Map<string, Row> {
  return new Map(rows.map((row) => [row.day, row]));
}
