/** What befalls a simulated deployment, drawn by a seed: who asks and when, and what goes wrong. Pure. */
import { type Random, seeded } from "@/sim/random.ts";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

export type Span = { readonly fromMs: number; readonly toMs: number };

export type Plan = {
  /** Moments at which one request is sent; ordered. */
  readonly requestsMs: readonly number[];
  /** The gateway is killed at `fromMs` and started again at `toMs`. */
  readonly kills: readonly Span[];
  readonly outages: readonly (Span & { readonly how: "unavailable" | "cut" })[];
  /** No GPU of this kind is free. */
  readonly shortages: readonly (Span & { readonly gpu: string })[];
  /** Moments at which a running machine's hardware is taken. */
  readonly preemptionsMs: readonly number[];
  /** Moments at which the provider corrects a machine's bill. */
  readonly correctionsMs: readonly number[];
};

const KILLS_A_DAY = 2;
const OUTAGES_A_DAY = 2;
const SHORTAGES_A_DAY = 2;
const PREEMPTIONS_A_DAY = 2;
/** Office hours of the callers, UTC. */
const OPENS_HOUR = 7;
const CLOSES_HOUR = 19;

/** The same seed gives the same plan. Times are epoch milliseconds from `startMs` on, a midnight. */
export function planOf(
  { seed, startMs, days, gpus }: {
    seed: number;
    startMs: number;
    days: number;
    gpus: readonly string[];
  },
): Plan {
  const random = seeded(seed);
  const plan = {
    requestsMs: [] as number[],
    kills: [] as Span[],
    outages: [] as (Span & { how: "unavailable" | "cut" })[],
    shortages: [] as (Span & { gpu: string })[],
    preemptionsMs: [] as number[],
    correctionsMs: [] as number[],
  };
  for (let day = 0; day < days; day++) {
    const dayMs = startMs + day * DAY_MS;
    plan.requestsMs.push(...requestsOfDay(random, dayMs));
    const span = (fromHour: number, toHour: number, leastMin: number, mostMin: number): Span => {
      const fromMs = dayMs + between(random, fromHour * HOUR_MS, toHour * HOUR_MS);
      return { fromMs, toMs: fromMs + between(random, leastMin, mostMin) * MINUTE_MS };
    };
    // One in each part of the day, so that two do not meet.
    for (let n = 0; n < KILLS_A_DAY; n++) plan.kills.push(span(7 + 6 * n, 12 + 6 * n, 0, 6));
    for (let n = 0; n < OUTAGES_A_DAY; n++) {
      const how = n % 2 === 0 ? "unavailable" : "cut";
      plan.outages.push({ ...span(1 + 9 * n, 9 + 9 * n, 2, 20), how });
    }
    for (let n = 0; n < SHORTAGES_A_DAY; n++) {
      const gpu = gpus[Math.floor(random() * gpus.length)] ?? "";
      plan.shortages.push({ ...span(7 + 6 * n, 12 + 6 * n, 20, 90), gpu });
    }
    for (let n = 0; n < PREEMPTIONS_A_DAY; n++) {
      plan.preemptionsMs.push(span(8 + 5 * n, 12 + 5 * n, 0, 0).fromMs);
    }
    plan.correctionsMs.push(span(12, 18, 0, 0).fromMs);
  }
  plan.requestsMs.sort((a, b) => a - b);
  return plan;
}

/** Sessions through the day, three bursts, and now and then somebody at night. */
function requestsOfDay(random: Random, dayMs: number): number[] {
  const moments: number[] = [];
  const session = (atMs: number, requests: number, withinMs: number) => {
    for (let n = 0; n < requests; n++) moments.push(atMs + random() * withinMs);
  };
  for (let atMs = OPENS_HOUR * HOUR_MS; atMs < CLOSES_HOUR * HOUR_MS;) {
    session(dayMs + atMs, 1 + Math.floor(random() * 6), 4 * MINUTE_MS);
    atMs += exponential(random, 40 * MINUTE_MS);
  }
  for (let burst = 0; burst < 3; burst++) {
    const atMs = dayMs + between(random, OPENS_HOUR * HOUR_MS, CLOSES_HOUR * HOUR_MS);
    session(atMs, 15 + Math.floor(random() * 15), 10_000);
  }
  if (random() < 0.5) session(dayMs + between(random, HOUR_MS, 5 * HOUR_MS), 1, 1);
  return moments.map(Math.floor);
}

const between = (random: Random, least: number, most: number): number =>
  Math.floor(least + random() * (most - least));
const exponential = (random: Random, mean: number): number => -Math.log(1 - random()) * mean;
