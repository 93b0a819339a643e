/** The figures articles and pages show: folds over a window, each with its reason when there is none. */
import { type Clock, type Instant, instant, millis } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { type FoldName, type FoldRow, runFold, type Window } from "./folds.ts";
import { readRolledTo } from "./rollups.ts";

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
  readonly phases: readonly FoldRow<"wake_phases">[];
  readonly timeouts: FoldRow<"wake_timeouts">;
  readonly machineTime: readonly FoldRow<"machine_time">[];
  /** By tier; the fleet's row has the tier ''. Tiers that were never powered have none. */
  readonly utilisation: readonly FoldRow<"utilisation">[];
  readonly energy: readonly FoldRow<"energy_by_day">[];
  readonly byDay: readonly FoldRow<"tokens_by_day">[];
  readonly spend: readonly FoldRow<"spend">[];
  readonly spendByDay: readonly FoldRow<"spend_by_day">[];
  /** By tier; the fleet's row has the tier ''. None when no provider sends bills. */
  readonly cost: readonly FoldRow<"realised_cost">[];
  readonly costByDay: readonly FoldRow<"cost_by_day">[];
  /** Money that belongs to no model has the model ''. */
  readonly costByModel: readonly FoldRow<"cost_by_model">[];
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
    const figures = readWindow(sql, folds, name, now);
    held.set(name, { at: now, figures });
    figures.catch(() => held.delete(name));
    return figures;
  };
}

/**
 * The trailing window that ends with the last whole minute that is rolled up: where the roll-up lags behind, the window
 * ends earlier, and does not count minutes of which nothing is known yet as empty.
 */
export function windowOf(name: WindowName, now: Instant, rolledTo: Instant | null): Window {
  const minute = Math.floor(now / 60_000) * 60_000;
  const to = Math.min(minute, rolledTo ?? minute);
  return { from: instant(to - WINDOW_DAYS[name] * DAY_MS), to: instant(to) };
}

/** All of a window's figures are of one moment of the database. */
async function readWindow(
  sql: Sql,
  folds: ReadonlyMap<FoldName, string>,
  name: WindowName,
  now: Instant,
): Promise<WindowFigures> {
  return await sql.begin("isolation level repeatable read read only", async (tx) => {
    const window = windowOf(name, now, await readRolledTo(tx));
    const fold = <Name extends FoldName>(which: Name) => runFold(tx, folds, which, window);
    const one = async <Name extends "requests_and_tokens" | "wakes" | "wake_timeouts">(
      which: Name,
    ) => {
      const [row] = await fold(which);
      if (row === undefined) {
        throw new Error("unreachable: an aggregate without groups answers one row");
      }
      return row;
    };
    return {
      window,
      usage: await one("requests_and_tokens"),
      wakes: await one("wakes"),
      phases: await fold("wake_phases"),
      timeouts: await one("wake_timeouts"),
      machineTime: await fold("machine_time"),
      utilisation: await fold("utilisation"),
      energy: await fold("energy_by_day"),
      byDay: await fold("tokens_by_day"),
      spend: await fold("spend"),
      spendByDay: await fold("spend_by_day"),
      cost: await fold("realised_cost"),
      costByDay: await fold("cost_by_day"),
      costByModel: await fold("cost_by_model"),
      gaps: await fold("billing_gaps"),
    };
  });
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
