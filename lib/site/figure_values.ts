/** The figures of articles from what the deployment's tables say. Pure. */
import type { WindowFigures } from "@/lib/ledger/figures_read.ts";
import type { FigureName, Figures, FigureValue } from "./figures.ts";

export type FigureFacts = {
  readonly day: WindowFigures;
  readonly month: WindowFigures;
  readonly shares: { readonly busy: number | null; readonly idle: number | null };
  readonly capS: number;
};

/** Why a deployment may have no realised cost. */
export const NO_BILL =
  "No provider of this deployment sends bills: its machines are local or static, so there is no invoice to fold.";

/** What a cost figure is, or why there is none. */
export function costFigure(
  { cost, gaps }: Pick<WindowFigures, "cost" | "gaps">,
  tier: string,
  which: "usd_per_mtok" | "usd_per_mtok_output",
): FigureValue {
  const row = cost.find((each) => each.tier === tier);
  if (gaps.length === 0 || row === undefined) return none(NO_BILL);
  const value = row[which];
  if (value !== null) return some(readable(value));
  if (row.edge_unknown) {
    return none("Bills are missing where the window begins or ends.");
  }
  return none("No token has been served in the window.");
}

/** Two decimals from ten cents on; below, two digits that say something. `0.01234` → `0.012`. */
function readable(decimal: string): string {
  const value = Number(decimal);
  return Math.abs(value) >= 0.1 ? value.toFixed(2) : value.toPrecision(2);
}

const some = (value: string): FigureValue => ({ value, why: "" });
const none = (why: string): FigureValue => ({ value: null, why });
const share = (part: number | null, why: string): FigureValue =>
  part === null ? none(why) : some((part * 100).toFixed(1));

export function figureValues({ day, month, shares, capS }: FigureFacts): Figures {
  const noWake = "No wake has been served in the window.";
  const noMachine = "No machine was powered in the window.";
  const { served, p50_s, p95_s } = month.wakes;
  const { waited, timed_out } = month.timeouts;
  const whole = (n: number) => n.toLocaleString("en");
  const values: Record<FigureName, FigureValue> = {
    "realised-usd-per-mtok-30d": costFigure(month, "", "usd_per_mtok"),
    "realised-usd-per-mtok-output-30d": costFigure(month, "", "usd_per_mtok_output"),
    "utilisation-30d": share(shares.busy, noMachine),
    "idle-share-30d": share(shares.idle, noMachine),
    "wake-p50-s-30d": p50_s === null ? none(noWake) : some(p50_s.toFixed(1)),
    "wake-p95-s-30d": p95_s === null ? none(noWake) : some(p95_s.toFixed(1)),
    "wakes-30d": served === 0 ? none(noWake) : some(whole(served)),
    "wake-timeout-share-30d": share(
      waited === 0 ? null : timed_out / waited,
      "No request has waited for a machine in the window.",
    ),
    "requests-24h": day.usage.requests === 0
      ? none("No request has ended in the window.")
      : some(whole(day.usage.requests)),
    "tokens-24h": day.usage.requests === 0
      ? none("No request has ended in the window.")
      : some(whole(day.usage.prompt_tokens + day.usage.completion_tokens)),
    "gateway-cap-s": some(String(capS)),
  };
  return new Map(Object.entries(values) as [FigureName, FigureValue][]);
}
