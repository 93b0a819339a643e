/**
 * What a history of bills comes to, worked out a second time from the prose of docs/ledger.md and not from the SQL:
 * the two must agree to the nano-dollar.
 */
export type Reading = {
  readonly resource: string;
  /** Minutes; null when the provider does not say. */
  readonly createdMin: number | null;
  readonly kind: "machine" | "volume";
  /** Index of our machine; null for what is not ours. */
  readonly machine: number | null;
  readonly total: bigint;
};

/** What one minute brought: an answer, or a failure. A minute that is not in the history was asked by nobody. */
export type Minute = { readonly min: number; readonly readings: readonly Reading[] | null };

export type History = {
  readonly minutes: readonly Minute[];
  /** For each machine its moves, oldest first, at fractions of minutes. */
  readonly moves: readonly (readonly { atMin: number; to: string }[])[];
  /** For each machine the requests it ran; `toMin` null: still runs. */
  readonly requests: readonly (readonly { fromMin: number; toMin: number | null }[])[];
};

export type Use = "serving" | "idle" | "warm_up" | "storage" | "unknown";
export type Spent = {
  min: number;
  resource: string;
  createdMin: number | null;
  use: Use;
  nano: bigint;
};

export function independentFold({ minutes, moves, requests }: History): Spent[] {
  const spent: Spent[] = [];
  const totals = new Map<string, bigint>();
  let firstMin: number | null = null;
  let lastMin: number | null = null;
  for (const { min, readings } of [...minutes].sort((a, b) => a.min - b.min)) {
    if (readings === null) continue;
    const isFirst = lastMin === null;
    firstMin ??= min;
    for (const reading of readings) {
      const key = `${reading.resource} ${reading.createdMin}`;
      const before = totals.get(key);
      totals.set(key, reading.total);
      let nano: bigint;
      if (before !== undefined) nano = reading.total - before;
      else if (isFirst) nano = 0n;
      else if (reading.createdMin !== null && reading.createdMin < firstMin - 60) nano = 0n;
      else nano = reading.total;
      if (nano === 0n) continue;
      const { resource, createdMin } = reading;
      const use = isFirst || lastMin === null || min - lastMin > 1
        ? "unknown"
        : useOf(reading, lastMin, min, moves, requests);
      spent.push({ min, resource, createdMin, use, nano });
    }
    lastMin = min;
  }
  return spent;
}

function useOf(
  { kind, machine }: Reading,
  fromMin: number,
  toMin: number,
  moves: History["moves"],
  requests: History["requests"],
): Use {
  if (kind !== "machine") return "storage";
  if (machine === null) return "unknown";
  const place = (moves[machine] ?? []).filter(({ atMin }) => atMin < toMin).at(-1)?.to;
  switch (place) {
    case undefined:
      return "unknown";
    case "ready":
    case "draining":
    case "napping": {
      const isBusy = (requests[machine] ?? []).some((one) =>
        one.fromMin < toMin && (one.toMin === null || one.toMin > fromMin)
      );
      return isBusy ? "serving" : "idle";
    }
    case "creating":
    case "waking":
    case "loading":
      return "warm_up";
    default:
      return "storage";
  }
}
