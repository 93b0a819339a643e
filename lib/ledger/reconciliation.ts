/** Once a day: what our snapshots say a day cost, beside what the provider's own history says of it. */
import { type Instant, later, type Millis, millis } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { Billing } from "@/lib/providers/billing.ts";
import { ProviderError, type Providers } from "@/lib/providers/provider.ts";
import { dayOf, dayRange } from "./publication/inputs.ts";
import {
  isReconciled,
  type MachineDay,
  type OurDay,
  ourDay,
  type Reconciled,
  writeReconciled,
} from "./reconciliation_store.ts";

/** A provider's own sum of a day may take this long to be whole. */
export const RECONCILE_AFTER: Millis = millis(2 * 3_600_000);
const DAY: Millis = millis(86_400_000);
/** Each machine is a call of its own. */
const MACHINES_MAX = 200;

export type ReconcileDeps = {
  readonly sql: Sql;
  readonly providers: Providers;
  readonly log: Log;
};

/**
 * Holds the last whole day (UTC) of each provider that bills against its own figures, and writes the two down side by
 * side; once. A provider that does not answer is asked again the next time, until the day after is over.
 */
export async function reconcileBills(
  deps: ReconcileDeps,
  now: Instant,
  signal: AbortSignal,
): Promise<void> {
  const day = dayOf(later(now, millis(-DAY)));
  if (later(dayRange(day).to, RECONCILE_AFTER) > now) return;
  for (const { name, billing } of deps.providers.values()) {
    if (billing === undefined || signal.aborted) continue;
    if (await isReconciled(deps.sql, name, day)) continue;
    const ours = await ourDay(deps.sql, name, day);
    // A provider that was never seen that day has nothing of ours to hold anything against.
    if (ours === null) continue;
    try {
      const rows = await askProvider(deps.log, name, billing, day, ours, signal);
      await writeReconciled(deps.sql, name, day, rows, ours.missingMinutes, now);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      deps.log.warn("reconciliation.unanswered", { provider: name, day, because: error.kind });
    }
  }
}

/** The account's row and one for each machine. The account's must be answered; a machine's may be missing. */
async function askProvider(
  log: Log,
  provider: string,
  billing: Billing,
  day: string,
  ours: OurDay,
  signal: AbortSignal,
): Promise<Reconciled[]> {
  const theirs = await billing.lastDayCost(signal);
  const rows: Reconciled[] = [{
    ...{ resourceId: "", machineId: null, oursNanoUsd: ours.nanoUsd, theirsNanoUsd: theirs },
    ...{ oursMinutes: null, theirsMinutes: null },
  }];
  if (ours.machines.length > MACHINES_MAX) {
    log.warn("reconciliation.partial", { provider, day, machines: ours.machines.length });
  }
  for (const machine of ours.machines.slice(0, MACHINES_MAX)) {
    rows.push(await askMachine(log, provider, billing, day, machine, signal));
  }
  return rows;
}

async function askMachine(
  log: Log,
  provider: string,
  billing: Billing,
  day: string,
  { resourceId, machineId, nanoUsd, minutes }: MachineDay,
  signal: AbortSignal,
): Promise<Reconciled> {
  const ours = { resourceId, machineId, oursNanoUsd: nanoUsd, oursMinutes: minutes };
  const { from, to } = dayRange(day);
  try {
    const bill = await billing.machineHistory(resourceId, from, to, signal);
    return { ...ours, theirsNanoUsd: bill.billedNanoUsd, theirsMinutes: bill.activeMinutes };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    log.warn("reconciliation.unanswered", {
      provider,
      day,
      resource: resourceId,
      because: error.kind,
    });
    return { ...ours, theirsNanoUsd: null, theirsMinutes: null };
  }
}
