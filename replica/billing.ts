/** Bills and the gate they close: a snapshot a minute, and a memory of it that the request path only reads. */
import { type Clock, later, millis, seconds } from "@/lib/kernel/clock.ts";
import { runOncePerMinute } from "@/lib/kernel/cron_once.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import type { FleetFile, TierSpec } from "@/lib/kernel/fleet_file.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { Metrics } from "@/lib/kernel/metrics.ts";
import type { WakeAnswer } from "@/lib/gateway/acquire.ts";
import { snapshotTaker } from "@/lib/ledger/billing_snapshots.ts";
import {
  type Gate,
  type GateLimits,
  gateOf,
  type ProviderSpending,
} from "@/lib/ledger/budget_gate.ts";
import { readSpending } from "@/lib/ledger/budget_store.ts";
import { sealDays } from "@/lib/ledger/publication/seal_days.ts";
import { reconcileBills } from "@/lib/ledger/reconciliation.ts";
import type { Providers } from "@/lib/providers/provider.ts";

export type BillingDeps = {
  readonly sql: Sql;
  readonly providers: Providers;
  readonly fleet: FleetFile;
  readonly replicaId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Aborted when the gateway stops. */
  readonly signal: AbortSignal;
};

export type BillingDesk = {
  /** For the minute's cron. */
  readonly bill: (minute: Date, signal: AbortSignal) => Promise<void>;
  /** For the hour's cron. */
  readonly closeDays: (signal: AbortSignal) => Promise<void>;
  /** Why a tier may not be asked for more now; null: it may. Tiers whose provider sends no bills always may. */
  readonly closedTier: (tier: TierSpec) => AppError | null;
  /** Asks for a wake only where more may be asked for: a request that is held already must not cause spending either. */
  readonly guarded: (ask: AskWake) => AskWake;
};

type AskWake = (tier: TierSpec, requestId: string) => Promise<WakeAnswer>;

const REFRESH_EVERY = millis(5_000);

/** Reads what is known and keeps reading. Until the first bill is read, what costs money is closed. */
export async function openBilling(deps: BillingDeps): Promise<BillingDesk> {
  const { sql, providers, fleet, clock, log, metrics, signal } = deps;
  const take = await snapshotTaker(deps);
  const billed = [...providers.values()].flatMap(({ name, billing }) =>
    billing === undefined ? [] : [name]
  );
  const limits: GateLimits = {
    staleAfter: fleet.billing.stale_after,
    budget: fleet.providers.hyperstack?.spend_per_day ?? null,
  };
  let spending: ReadonlyMap<string, ProviderSpending> = new Map(
    billed.map((provider) => [provider, { provider, lastReadAt: null, spentToday: 0n }]),
  );
  const told = new Map<string, string>();

  const gate = (provider: string): Gate => {
    const known = spending.get(provider);
    return known === undefined ? { kind: "open" } : gateOf(known, limits, clock.now());
  };

  async function refresh(): Promise<void> {
    if (billed.length === 0) return;
    try {
      spending = new Map((await readSpending(sql, billed)).map((one) => [one.provider, one]));
    } catch (error) {
      // What is known grows old meanwhile, and closes the gate by itself.
      log.warn("billing.unread", { error: error instanceof Error ? error : undefined });
    }
    for (const provider of billed) tell(provider, gate(provider));
  }

  function tell(provider: string, now: Gate): void {
    const word = now.kind === "open" ? "open" : now.code;
    metrics.budgetGateClosed.set({ provider }, now.kind === "open" ? 0 : 1);
    if (told.get(provider) === word) return;
    told.set(provider, word);
    if (now.kind === "open") log.info("budget_gate.open", { provider });
    else log.warn("budget_gate.closed", { provider, code: now.code, because: now.because });
  }

  async function keepRefreshing(): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(REFRESH_EVERY, signal);
      if (!signal.aborted) await refresh();
    }
  }

  async function bill(minute: Date, within: AbortSignal): Promise<void> {
    await take(minute, within);
    await refresh();
  }

  await refresh();
  if (billed.length > 0) {
    void keepRefreshing();
    // Not a minute closed for nothing: the first bill is read now.
    void runOncePerMinute(sql, "bill", deps.replicaId, (minute) => bill(minute, signal))
      .catch((error) => log.warn("billing.unread", { error }));
  }
  return {
    bill,
    async closeDays(within) {
      await sealDays(deps, clock.now(), within);
      await reconcileBills(deps, clock.now(), within);
    },
    guarded: (ask) => (tier, requestId) => {
      const now = gate(tier.provider);
      if (now.kind === "open") return ask(tier, requestId);
      const retryAt = later(clock.now(), seconds(now.retryAfterS));
      return Promise.resolve({ kind: "unavailable", retryAt, because: now.because });
    },
    closedTier(tier) {
      const now = gate(tier.provider);
      if (now.kind === "open") return null;
      const message = now.code === "billing_unobservable"
        ? "Cannot rent a machine: what it costs cannot be seen at the moment"
        : "Cannot rent a machine: the day's budget is spent";
      return new AppError(now.code, message, { retryAfterS: now.retryAfterS, shouldRetry: false });
    },
  };
}
