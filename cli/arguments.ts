/** What a person types, parsed: counts, spans, times and lists. Refusals become usage errors. */
import { InvalidArgumentError } from "commander";
import { type Instant, instant, type Millis, millis } from "@/lib/kernel/clock.ts";

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
const SPAN = /^(\d{1,6})(s|m|h|d|w)$/;
const SPAN_YEARS_MAX = 10;
const TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/;

/** `30d`, `24h`, `15m`, `90s`, `2w`; at most ten years. */
export function parseSpan(text: string): Millis {
  const [, count, unit] = SPAN.exec(text) ?? [];
  const unitMs = UNIT_MS[unit as keyof typeof UNIT_MS];
  const ms = Number(count) * unitMs;
  if (count === undefined || !(ms > 0 && ms <= SPAN_YEARS_MAX * 366 * 86_400_000)) {
    throw new InvalidArgumentError("Write a span such as 90s, 15m, 24h, 30d or 2w.");
  }
  return millis(ms);
}

/** A span before `now` (`24h`), a day (`2026-11-21`, in UTC) or a time (`2026-11-21T01:00Z`). */
export function parseTime(text: string, now: Instant): Instant {
  if (SPAN.test(text)) return instant(now - parseSpan(text));
  const at = TIME.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(at)) {
    throw new InvalidArgumentError(
      "Write a span back from now such as 24h or 30d, a day such as 2026-11-21, or a time such as 2026-11-21T01:00Z.",
    );
  }
  return instant(at);
}

/** A whole number from `least` to `most`. */
export function parseCount(least: number, most: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (/^\d{1,16}$/.test(text) && count >= least && count <= most) return count;
    throw new InvalidArgumentError(`Write a whole number from ${least} to ${most}.`);
  };
}

/** `a,b,c`. */
export function parseList(text: string): string[] {
  const items = text.split(",").map((item) => item.trim());
  if (items.every((item) => item !== "")) return items;
  throw new InvalidArgumentError("Write names with commas between them, such as a,b.");
}
