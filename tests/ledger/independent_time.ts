/** Machine time worked out a second time from docs/ledger.md, from one event to the next. All times in milliseconds. */
export type Move = { readonly atMs: number; readonly to: string };
export type Run = { readonly openedMs: number; readonly closedMs: number | null };
export type Machine = {
  readonly tier: string;
  /** In the journal's order; their times need not be in order. */
  readonly moves: readonly Move[];
  readonly runs: readonly Run[];
};
export type TierTime = { tier: string; powered_s: number; busy_s: number; idle_s: number };

const RUN_MS_MAX = 6 * 3_600_000;
const POWERED = new Set(["loading", "ready", "draining", "napping", "stopping"]);
const SERVES = new Set(["ready", "draining", "napping"]);

/** What the machines of each tier did in a window; tiers that were off are left out. */
export function independentTime(
  machines: readonly Machine[],
  fromMs: number,
  toMs: number,
): TierTime[] {
  const tiers = new Map<string, { powered: number; busy: number; idle: number }>();
  for (const { tier, moves, runs } of machines) {
    const events = [
      fromMs,
      toMs,
      ...moves.map(({ atMs }) => atMs),
      ...runs.flatMap((
        { openedMs, closedMs },
      ) => [openedMs, closedMs ?? toMs, openedMs + RUN_MS_MAX]),
    ].filter((ms) => ms >= fromMs && ms <= toMs).sort((a, b) => a - b);
    for (const [i, since] of events.entries()) {
      const span = (events[i + 1] ?? since) - since;
      const place = moves.filter(({ atMs }) => atMs <= since).at(-1)?.to ?? "absent";
      if (span === 0 || !POWERED.has(place)) continue;
      const isBusy = runs.some(({ openedMs, closedMs }) =>
        openedMs <= since && since < Math.min(closedMs ?? Infinity, openedMs + RUN_MS_MAX)
      );
      const time = tiers.get(tier) ?? { powered: 0, busy: 0, idle: 0 };
      tiers.set(tier, time);
      time.powered += span;
      if (isBusy) time.busy += span;
      else if (SERVES.has(place)) time.idle += span;
    }
  }
  return [...tiers].sort(([a], [b]) => a < b ? -1 : 1).map(([tier, { powered, busy, idle }]) => (
    { tier, powered_s: powered / 1_000, busy_s: busy / 1_000, idle_s: idle / 1_000 }
  ));
}
