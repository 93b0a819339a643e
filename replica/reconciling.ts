/** When a gateway compares the providers' lists with its own: at its start, every five minutes, and while an orphan is under watch. */
import { type Clock, minutes } from "@/lib/kernel/clock.ts";
import { runOncePerMinute } from "@/lib/kernel/cron_once.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { Metrics } from "@/lib/kernel/metrics.ts";
import { orphanJournal } from "@/lib/fleet/orphan_journal.ts";
import { reconcile } from "@/lib/fleet/reconcile.ts";
import type { Providers } from "@/lib/providers/provider.ts";

export type ReconcilingDeps = {
  readonly sql: Sql;
  readonly providers: Providers;
  readonly deploymentId: string;
  readonly replicaId: string;
  /** Has the keeper look at a machine. */
  readonly poke: (machineId: string) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Aborted when the gateway stops. */
  readonly signal: AbortSignal;
};

export type Reconciling = {
  /** For the minute's cron: all providers when a whole round is due, else those with an orphan under watch. */
  readonly round: (minute: Date) => Promise<void>;
  /**
   * A whole round now, without waiting for it: what was made while no gateway ran is not left for five minutes. From
   * then on this replica's gauge follows the journal, whoever makes the rounds.
   */
  readonly begin: () => void;
};

/** A whole round is due this long after the last one that every provider answered. */
const WHOLE_ROUND_EVERY = minutes(5);
const COUNT_EVERY = minutes(1);
/** The line of `cron_runs` that says when it was. A round that fails, or whose replica dies, leaves none. */
const DONE = "reconciled";

export function reconciling(deps: ReconcilingDeps): Reconciling {
  const { sql, providers, replicaId, poke, clock, log, metrics, signal } = deps;
  const journal = orphanJournal(sql, replicaId);

  async function isDue(minute: Date): Promise<boolean> {
    const [last] = await sql`
      select 1 from cron_runs
      where name = ${DONE} and minute > ${new Date(minute.getTime() - WHOLE_ROUND_EVERY)}
        and minute <= ${minute}
      limit 1
    `;
    return last === undefined;
  }

  async function round(minute: Date, suspectsOnly: boolean): Promise<void> {
    const found = await reconcile({ ...deps, journal, onGhost: poke }, signal, { suspectsOnly });
    metrics.orphans.set(found.open);
    if (suspectsOnly || found.failed > 0 || signal.aborted) return;
    await sql`delete from cron_runs where name = ${DONE} and minute < ${minute}`;
    await sql`
      insert into cron_runs (name, minute, replica_id) values (${DONE}, ${minute}, ${replicaId})
      on conflict do nothing
    `;
  }

  async function keepCounting(): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(COUNT_EVERY, signal);
      if (signal.aborted) return;
      try {
        let open = 0;
        for (const name of providers.keys()) open += (await journal.suspicions(name)).size;
        metrics.orphans.set(open);
      } catch (error) {
        log.warn("reconcile.uncounted", { error: error instanceof Error ? error : undefined });
      }
    }
  }

  return {
    round: async (minute) => await round(minute, !await isDue(minute)),
    begin() {
      runOncePerMinute(sql, "reconcile", replicaId, (minute) => round(minute, false))
        .catch((error) => signal.aborted || log.warn("reconcile.failed", { error }));
      void keepCounting();
    },
  };
}
