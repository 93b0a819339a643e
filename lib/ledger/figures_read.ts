/** The figures articles and pages show: folds over a window, each with its reason when there is none. */
import { type Clock, type Instant, instant, millis } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { type FoldName, type FoldRow, runFold, type Window } from "./folds.ts";

const DAY_MS = 86_400_000;
/** A page asked for often runs its SQL this often. */
const FRESH_FOR = millis(60_000);

export type WindowName = "24h" | "7d" | "30d";
export const WINDOW_DAYS: Readonly<Record<WindowName, number>> = { "24h": 1, "7d": 7, "30d": 30 };

/** What the deployment's own tables say of a window. */
export type WindowFigures = {
  readonly window: Window;
  readonly usage: FoldRow<"requests_and_tokens">;
  readonly wakes: FoldRow<"wakes">;
  readonly timeouts: FoldRow<"wake_timeouts">;
  readonly machineTime: readonly FoldRow<"machine_time">[];
  readonly byDay: readonly FoldRow<"tokens_by_day">[];
  readonly spend: readonly FoldRow<"spend">[];
  /** By tier; the fleet's row has the tier ''. None when no provider sends bills. */
  readonly cost: readonly FoldRow<"realised_cost">[];
  readonly gaps: readonly FoldRow<"billing_gaps">[];
};

export type FiguresReader = (name: WindowName) => Promise<WindowFigures>;

export type FiguresDeps = {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly folds: ReadonlyMap<FoldName, string>;
};

/** Reads each window at most once a minute, however many ask. A failed read is not kept. */
export function figuresReader({ sql, clock, folds }: FiguresDeps): FiguresReader {
  const held = new Map<WindowName, { at: Instant; figures: Promise<WindowFigures> }>();
  return (name) => {
    const now = clock.now();
    const last = held.get(name);
    if (last !== undefined && now - last.at < FRESH_FOR) return last.figures;
    const figures = readWindow(sql, folds, windowOf(name, now));
    held.set(name, { at: now, figures });
    figures.catch(() => held.delete(name));
    return figures;
  };
}

/** The trailing window that ends with the last whole minute. */
export function windowOf(name: WindowName, now: Instant): Window {
  const to = Math.floor(now / 60_000) * 60_000;
  return { from: instant(to - WINDOW_DAYS[name] * DAY_MS), to: instant(to) };
}

async function readWindow(
  sql: Sql,
  folds: ReadonlyMap<FoldName, string>,
  window: Window,
): Promise<WindowFigures> {
  const [usage, wakes, timeouts, machineTime, byDay, spend, cost, gaps] = await Promise.all([
    runFold(sql, folds, "requests_and_tokens", window),
    runFold(sql, folds, "wakes", window),
    runFold(sql, folds, "wake_timeouts", window),
    runFold(sql, folds, "machine_time", window),
    runFold(sql, folds, "tokens_by_day", window),
    runFold(sql, folds, "spend", window),
    runFold(sql, folds, "realised_cost", window),
    runFold(sql, folds, "billing_gaps", window),
  ]);
  if (usage[0] === undefined || wakes[0] === undefined || timeouts[0] === undefined) {
    throw new Error("unreachable: an aggregate without groups answers one row");
  }
  return {
    window,
    usage: usage[0],
    wakes: wakes[0],
    timeouts: timeouts[0],
    machineTime,
    byDay,
    spend,
    cost,
    gaps,
  };
}

/** The fleet's shares of powered time, between 0 and 1; null when no machine was powered. */
export function machineShares(
  rows: readonly FoldRow<"machine_time">[],
): { readonly poweredS: number; readonly busy: number | null; readonly idle: number | null } {
  const sum = (of: (row: FoldRow<"machine_time">) => number) =>
    rows.reduce((total, row) => total + of(row), 0);
  const poweredS = sum((row) => row.powered_s);
  if (poweredS <= 0) return { poweredS: 0, busy: null, idle: null };
  return {
    poweredS,
    busy: sum((row) => row.busy_s) / poweredS,
    idle: sum((row) => row.idle_s) / poweredS,
  };
}
