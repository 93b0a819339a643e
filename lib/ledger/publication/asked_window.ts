/** Which inputs a reader asks for: a trailing window, or whole days that are sealed. Pure. */
import { type Instant, instant } from "@/lib/kernel/clock.ts";
import { WINDOW_DAYS, type WindowName } from "../figures_read.ts";
import type { Window } from "../folds.ts";
import { dayRange } from "./inputs.ts";

/** A range of days may be as long as the longest trailing window, and a day. */
export const RANGE_DAYS_MAX = 31;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

export type Asked = {
  readonly name: string;
  readonly window: Window;
  /** The last day of a range, which has to be sealed; null for a trailing window. */
  readonly lastDay: string | null;
};

/** `window=7d`, or `from=2026-11-01&to=2026-11-08` (the last day included). Answers what is wrong as a text. */
export function askedWindow(query: URLSearchParams, now: Instant): Asked | string {
  const [from, to] = [query.get("from"), query.get("to")];
  if (from === null && to === null) {
    const name = query.get("window") ?? "24h";
    const known = Object.keys(WINDOW_DAYS);
    if (!isWindow(name)) {
      return `Cannot publish the window "${name}": choose one of ${known.join(", ")}`;
    }
    return { name, window: trailing(WINDOW_DAYS[name], minuteOf(now)), lastDay: null };
  }
  if (from === null || to === null || !isDay(from) || !isDay(to)) {
    return "Cannot read the range: write from=2026-11-01&to=2026-11-07, two days in UTC";
  }
  const window = { from: dayRange(from).from, to: dayRange(to).to };
  const days = (window.to - window.from) / DAY_MS;
  if (days < 1 || days > RANGE_DAYS_MAX) {
    return `Cannot publish ${days} days: choose 1 to ${RANGE_DAYS_MAX}`;
  }
  return { name: `${from}..${to}`, window, lastDay: to };
}

/** A trailing window ends no later than what is rolled up: of later minutes nothing is known yet. */
export function rolledWindow({ window, lastDay }: Asked, rolledTo: Instant | null): Window {
  if (lastDay !== null || rolledTo === null || rolledTo >= window.to) return window;
  return trailing((window.to - window.from) / DAY_MS, minuteOf(rolledTo));
}

const minuteOf = (at: Instant): Instant => instant(Math.floor(at / MINUTE_MS) * MINUTE_MS);

function trailing(days: number, to: Instant): Window {
  return { from: instant(to - days * DAY_MS), to };
}

const isWindow = (name: string): name is WindowName => Object.hasOwn(WINDOW_DAYS, name);

function isDay(text: string): boolean {
  const at = DAY.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
  // 2026-02-31 is read as a day of March.
  return !Number.isNaN(at) && new Date(instant(at)).toISOString().startsWith(text);
}
