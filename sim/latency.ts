/** How long the imagined GPU takes. The formulas and names of llm-d-inference-sim, without its rounding to whole milliseconds. */

import { normal, type Random } from "./random.ts";

export type Latency = {
  /** Constant time to the first token; 0 means: count it from the prompt with the two prefill values. */
  readonly timeToFirstTokenMs: number;
  readonly timeToFirstTokenStdDevMs: number;
  readonly interTokenLatencyMs: number;
  readonly interTokenLatencyStdDevMs: number;
  readonly prefillOverheadMs: number;
  readonly prefillTimePerTokenMs: number;
  readonly prefillTimeStdDevMs: number;
  readonly kvCacheTransferLatencyMs: number;
  readonly kvCacheTransferLatencyStdDevMs: number;
  readonly kvCacheTransferTimePerTokenMs: number;
  readonly kvCacheTransferTimeStdDevMs: number;
  /** How much slower everything is when every slot is taken; at least 1. */
  readonly timeFactorUnderLoad: number;
};

export type Prefill = {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  /** The prompt was computed on another server, and its KV blocks are fetched from there. */
  readonly remote: boolean;
};

const SPREAD_LOW = 0.3;
const SPREAD_HIGH = 1.7;

/** The slow-down for `running` requests in `slots` places; 1 when alone. */
export function loadFactor(latency: Latency, running: number, slots: number): number {
  if (slots <= 1) return 1;
  const share = Math.min(Math.max(running - 1, 0), slots - 1) / (slots - 1);
  return 1 + (latency.timeFactorUnderLoad - 1) * share;
}

/** From the start of a request's prefill to its first token, in milliseconds with a fraction. */
export function firstTokenMs(l: Latency, p: Prefill, load: number, random: Random): number {
  if (p.remote) {
    if (l.kvCacheTransferLatencyMs > 0) {
      return spread(l.kvCacheTransferLatencyMs, l.kvCacheTransferLatencyStdDevMs, random);
    }
    return spread(
      p.promptTokens * l.kvCacheTransferTimePerTokenMs,
      l.kvCacheTransferTimeStdDevMs,
      random,
    );
  }
  if (l.timeToFirstTokenMs > 0) {
    return spread(l.timeToFirstTokenMs * load, l.timeToFirstTokenStdDevMs, random);
  }
  const computed = p.promptTokens - p.cachedTokens;
  const mean = (l.prefillOverheadMs + computed * l.prefillTimePerTokenMs) * load;
  return spread(mean, l.prefillTimeStdDevMs, random);
}

/** From one token to the next, in milliseconds with a fraction. */
export function nextTokenMs(latency: Latency, load: number, random: Random): number {
  return spread(latency.interTokenLatencyMs * load, latency.interTokenLatencyStdDevMs, random);
}

/** A normal draw around `mean`, kept within 0.3 and 1.7 times of it. */
function spread(mean: number, stdDev: number, random: Random): number {
  if (stdDev <= 0 || mean <= 0) return Math.max(mean, 0);
  const drawn = mean + normal(random) * stdDev;
  return Math.min(Math.max(drawn, mean * SPREAD_LOW), mean * SPREAD_HIGH);
}
