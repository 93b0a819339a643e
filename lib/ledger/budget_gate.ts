/** Whether a provider's machines may be asked for more: only while its bill is seen, and the day's budget is not spent. Pure. */
import { type Instant, type Millis, since } from "@/lib/kernel/clock.ts";
import type { NanoUsd } from "@/lib/kernel/money.ts";

/** What is known of a provider that bills. */
export type ProviderSpending = {
  readonly provider: string;
  /** When its bill was last read; null when it never was. */
  readonly lastReadAt: Instant | null;
  /** Billed to this deployment since midnight, UTC. Money across a gap over midnight counts on the new day. */
  readonly spentToday: NanoUsd;
};

export type GateLimits = {
  readonly staleAfter: Millis;
  /** For a day, UTC; null: none. */
  readonly budget: NanoUsd | null;
};

export type Gate =
  | { readonly kind: "open" }
  | {
    readonly kind: "closed";
    readonly code: "billing_unobservable" | "insufficient_quota";
    /** For the operator; it names the provider. */
    readonly because: string;
    readonly retryAfterS: number;
  };

const RETRY_UNSEEN_S = 60;
const DAY_MS = 86_400_000;

/** Closed when in doubt: a bill that cannot be seen may be growing. */
export function gateOf(
  { provider, lastReadAt, spentToday }: ProviderSpending,
  { staleAfter, budget }: GateLimits,
  now: Instant,
): Gate {
  if (lastReadAt === null || since(lastReadAt, now) > staleAfter) {
    const seen = lastReadAt === null
      ? "never"
      : `${Math.round(since(lastReadAt, now) / 1_000)} s ago`;
    return {
      kind: "closed",
      code: "billing_unobservable",
      because: `the bill of ${provider} was last read ${seen}`,
      retryAfterS: RETRY_UNSEEN_S,
    };
  }
  if (budget !== null && spentToday >= budget) {
    return {
      kind: "closed",
      code: "insufficient_quota",
      because: `the day's budget for ${provider} is spent`,
      retryAfterS: Math.ceil((DAY_MS - now % DAY_MS) / 1_000),
    };
  }
  return { kind: "open" };
}
