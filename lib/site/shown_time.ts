/** Spans and moments as pages write them; the same text on the server and in the browser. Pure. */

const MS_PER_S = 1_000;
const S_PER_MIN = 60;
const MIN_PER_H = 60;
const H_PER_DAY = 24;

/** A span in its largest fitting units: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`, `4 days`. Not below zero. */
export function spanText(spanMs: number): string {
  const exactS = Math.max(0, spanMs) / MS_PER_S;
  if (exactS < 9.95) return `${exactS.toFixed(1)} s`;
  const wholeS = Math.round(exactS);
  if (wholeS < 2 * S_PER_MIN) return `${wholeS} s`;
  const wholeMin = Math.floor(wholeS / S_PER_MIN);
  if (wholeMin < MIN_PER_H) return `${wholeMin} min ${two(wholeS % S_PER_MIN)} s`;
  const wholeH = Math.floor(wholeMin / MIN_PER_H);
  if (wholeH < 2 * H_PER_DAY) return `${wholeH} h ${two(wholeMin % MIN_PER_H)} min`;
  return `${Math.floor(wholeH / H_PER_DAY)} days`;
}

/** How long something has lasted, in whole units that do not flicker: `4 s`, `3 min`, `2 h`, `4 days`. */
export function lastingText(spanMs: number): string {
  const wholeS = Math.floor(Math.max(0, spanMs) / MS_PER_S);
  if (wholeS < S_PER_MIN) return `${wholeS} s`;
  const wholeMin = Math.floor(wholeS / S_PER_MIN);
  if (wholeMin < MIN_PER_H) return `${wholeMin} min`;
  const wholeH = Math.floor(wholeMin / MIN_PER_H);
  return wholeH < 2 * H_PER_DAY ? `${wholeH} h` : `${Math.floor(wholeH / H_PER_DAY)} days`;
}

/** A moment in UTC, such as `2026-11-21 05:04:03`. */
export function utcText(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 19).replace("T", " ");
}

/** A day in UTC, such as `2026-11-21`. */
export function dayText(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}
