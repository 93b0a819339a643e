/** Medians and quantiles, by one definition: the value at the nearest rank. Pure. */
export type Quantiles = {
  readonly n: number;
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
};

/** NaN where there is nothing. */
export function quantiles(values: readonly number[]): Quantiles {
  const sorted = Float64Array.from(values).sort();
  const at = (q: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? NaN;
  const sum = sorted.reduce((a, b) => a + b, 0);
  return {
    n: sorted.length,
    mean: sorted.length === 0 ? NaN : sum / sorted.length,
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    max: sorted.at(-1) ?? NaN,
  };
}

export function median(values: readonly number[]): number {
  return quantiles(values).p50;
}

/** The slope of y over x by least squares, in units of y per unit of x. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const n = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / n;
  const top = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const bottom = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return bottom === 0 ? 0 : top / bottom;
}

export type Added = Pick<Quantiles, "p50" | "p95" | "p99">;

/** How much later each quantile of `lane` is than that of `direct`, both of the same round. */
export function addedOver(lane: Added, direct: Added): Added {
  return {
    p50: lane.p50 - direct.p50,
    p95: lane.p95 - direct.p95,
    p99: lane.p99 - direct.p99,
  };
}

/**
 * Where a rising line through `points`, sorted by x, first comes to `limit`: between the last point under it and the
 * first that is not. Null when none is under it, or all are.
 */
export function crossing(
  points: readonly (readonly [x: number, y: number])[],
  limit: number,
): number | null {
  const at = points.findIndex(([, y]) => y >= limit);
  const [under, over] = [points[at - 1], points[at]];
  if (under === undefined || over === undefined) return null;
  return under[0] + (over[0] - under[0]) * (limit - under[1]) / (over[1] - under[1]);
}
