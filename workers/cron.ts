/** The clock's edge: what runs each minute whether or not anybody rings. */
import { runOncePerMinute } from "@/lib/kernel/cron_once.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { Log } from "@/lib/kernel/log.ts";

/** Calls `body` by a schedule until `signal` aborts. Tests tick by hand. */
export type Ticker = {
  every(
    name: string,
    schedule: Schedule,
    body: () => Promise<void>,
    signal: AbortSignal,
  ): void;
};

/** Cron's five fields, UTC. */
export type Schedule = "* * * * *" | "7 * * * *";

export type CronDeps = {
  sql: Sql;
  replicaId: string;
  log: Log;
  ticker: Ticker;
  /** Aborted when the gateway stops. */
  signal: AbortSignal;
  /** Looks at every machine that has a reason to be looked at. */
  lookAtEveryMachine: () => Promise<void>;
  /** Ends what lies about: rows of dead replicas, expired wakes, old partitions to make. */
  sweep: () => Promise<void>;
  /** Keeps what the providers' billing says of a minute. */
  bill: (minute: Date, signal: AbortSignal) => Promise<void>;
  /** Once an hour: seals the days that are over, and holds them against what the providers say. */
  closeDays: (signal: AbortSignal) => Promise<void>;
  /** Makes the totals by minute that the figures read. */
  rollUp: (signal: AbortSignal) => Promise<void>;
  /** Compares the providers' lists with ours, whole every few minutes; ends orphans that are confirmed in between. */
  reconcile: (minute: Date) => Promise<void>;
};

/**
 * The real one. `Deno.cron` skips a tick while its body still runs, and registers a name once per process: under
 * `deno serve --parallel` each thread registers for itself.
 */
export const denoTicker: Ticker = {
  every(name, schedule, body, signal) {
    Deno.cron(name, schedule, { signal }, body).catch((error) => {
      if (!signal.aborted) throw error;
    });
  },
};

/**
 * Starts the lines. Sweep, bill, roll up and reconcile run on one replica each time. The look runs on all of them: claims in
 * the database make it safe, and a replica that won the minute and died at once would otherwise leave every machine
 * unlooked-at, which is the one thing this line is there to prevent.
 */
export function startCron(deps: CronDeps): void {
  const { sql, replicaId, ticker, signal } = deps;
  const line = (name: string, schedule: Schedule, body: () => Promise<unknown>) =>
    ticker.every(name, schedule, () => logged(deps, name, body), signal);

  line("look at every machine", "* * * * *", deps.lookAtEveryMachine);
  line("sweep", "* * * * *", () => runOncePerMinute(sql, "sweep", replicaId, deps.sweep));
  line(
    "bill",
    "* * * * *",
    () => runOncePerMinute(sql, "bill", replicaId, (minute) => deps.bill(minute, signal)),
  );
  line(
    "roll up",
    "* * * * *",
    () => runOncePerMinute(sql, "roll up", replicaId, () => deps.rollUp(signal)),
  );
  line(
    "close days",
    "7 * * * *",
    () => runOncePerMinute(sql, "close days", replicaId, () => deps.closeDays(signal)),
  );
  line(
    "reconcile",
    "* * * * *",
    () => runOncePerMinute(sql, "reconcile", replicaId, deps.reconcile),
  );
}

/** An error stops here: Deno would run the body again at once, and the next minute comes anyway. */
async function logged(
  { log, signal }: CronDeps,
  name: string,
  body: () => Promise<unknown>,
): Promise<void> {
  if (signal.aborted) return;
  try {
    await body();
  } catch (error) {
    log.error("cron.failed", {
      cron: name,
      error: error instanceof Error ? error : new Error(String(error)),
    });
  }
}
