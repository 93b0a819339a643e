/** The figures articles and pages show: folds over a window, each with its reason when there is none. */
import { type Clock, type Instant, instant, millis } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { type FoldName, type FoldRow, runFolds, type Window } from "./folds.ts";
import { readRolledTo } from "./rollups.ts";

const DAY_MS = 86_400_000;
/** A page asked for often runs its SQL this often. */
const FRESH_FOR = millis(60_000);

export type WindowName = "24h" | "7d" | "30d";
export const WINDOW_DAYS: Readonly<Record<WindowName, number>> = { "24h": 1, "7d": 7, "30d": 30 };

/** Read of the longest window only: nobody is shown these of the others, which have none. */
const MONTH_FOLDS: ReadonlySet<FoldName> = new Set([
  ...["tokens_by_day", "spend_by_day", "cost_by_day", "energy_by_day"] as const,
  ...["cost_by_model", "wake_phases"] as const,
]);

/** What the deployment's own tables say of a window. By day, by model and by phase: of the thirty days only. */
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
    // Small tables are guessed to be large, and compiling a statement takes longer than running it.
    await tx`set local jit = off`;
    const window = windowOf(name, now, await readRolledTo(tx));
    const rows = await runFolds(
      tx,
      folds,
      window,
      (fold) => name === "30d" || !MONTH_FOLDS.has(fold),
    );
    return {
      window,
      usage: only(rows.requests_and_tokens),
      wakes: only(rows.wakes),
      phases: rows.wake_phases,
      timeouts: only(rows.wake_timeouts),
      machineTime: rows.machine_time,
      utilisation: rows.utilisation,
      energy: rows.energy_by_day,
      byDay: rows.tokens_by_day,
      spend: rows.spend,
      spendByDay: rows.spend_by_day,
      cost: rows.realised_cost,
      costByDay: rows.cost_by_day,
      costByModel: rows.cost_by_model,
      gaps: rows.billing_gaps,
    };
  });
}

/** The row of a fold that sums everything up. */
function only<Row>([row]: readonly Row[]): Row {
  if (row === undefined) {
    throw new Error("unreachable: an aggregate without groups answers one row");
  }
  return row;
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
