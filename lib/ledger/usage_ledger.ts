/**
 * One replica's usage rows on their way to Postgres: opens wait until they are durable, closes are tried until they
 * are, and what runs is checkpointed together once a second.
 */
import { type Clock, type Millis, millis } from "@/lib/kernel/clock.ts";
import { isConflict, isConnectionLost, isShortage, type Sql } from "@/lib/kernel/database.ts";
import { groupCommit } from "@/lib/kernel/group_commit.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { Metrics } from "@/lib/kernel/metrics.ts";
import {
  checkpointRows,
  moveRows,
  parkRows,
  type RefusedUsage,
  type UsageClose,
  type UsageClosed,
  type UsageCounts,
  type UsageKey,
  type UsagePlacement,
  type UsageRequest,
  writeRefused,
} from "./usage_store.ts";
import type { UsageWriter } from "./usage_write.ts";

const CHECKPOINT_EVERY = millis(1_000);
const ROWS_PER_FLUSH_MAX = 1_000;
/** A checkpoint holds up everything else for as long as it takes to say so many rows in JSON: half a millisecond. */
const ROWS_PER_CHECKPOINT_MAX = 250;
/** More requests than this are better served by two writes at once, on two cores of the database. */
const OPENS_PER_FLUSH_MAX = 128;
/** Writes under way at a time that a request waits for. */
const FLIGHTS = 2;
/** Rows waiting for a database that does not answer; past it new requests are refused rather than uncounted. */
const ROWS_WAITING_MAX = 100_000;
/** Of a write that another stood in the way of: the other is through by then. */
const CONFLICT_TRIES_MAX = 3;
const CLOSE_RETRY_MIN_MS = 100;
const CLOSE_RETRY_MAX_MS = 5_000;

export type UsageLedger = {
  /** Connects and has its statement planned, so that no request waits for that. */
  warmUp(): Promise<void>;
  /** Opens or re-points a row. Resolves once durable; false when the machine takes nothing new. Throws when the database does not answer. */
  open(row: UsageRequest & UsagePlacement): Promise<boolean>;
  /** Takes an open row off its machine, before it looks for another. */
  park(key: UsageKey): Promise<void>;
  /** Includes a running row in the checkpoints until the answered function is called. */
  track(key: UsageKey, counts: () => UsageCounts): () => void;
  /** Closes a row; keeps trying until it stands. */
  close(row: UsageClose): void;
  /** Writes the row of a request that never got a machine; keeps trying until it stands. */
  refuse(row: RefusedUsage): void;
  /** Rows closed here that are not durable yet. */
  readonly unsettled: number;
  /** Resolves when every close and refusal so far is durable, or `signal` aborts. */
  settle(signal: AbortSignal): Promise<void>;
  /** Stops the checkpoints. */
  stop(): void;
};

type RunningRow = { readonly key: UsageKey; readonly counts: () => UsageCounts; written: number };

/** What travels together: opens that requests wait for, and closes that nobody does. */
type Line =
  | { readonly kind: "open"; readonly row: UsageRequest & UsagePlacement }
  | { readonly kind: "close"; readonly row: UsageClosed };

export type UsageLedgerDeps = {
  sql: Sql;
  /** What carries opens and closes. */
  write: UsageWriter;
  clock: Clock;
  log: Log;
  metrics: Metrics;
};

export function createUsageLedger(deps: UsageLedgerDeps): UsageLedger {
  const { sql, write, clock, log, metrics } = deps;
  const options = { rowsMax: ROWS_PER_FLUSH_MAX, queueMax: ROWS_WAITING_MAX };
  const timed = async <T>(write: () => Promise<T>): Promise<T> => {
    const startMs = clock.elapsedMs();
    const answer = await write();
    metrics.usageFlushSeconds.observe((clock.elapsedMs() - startMs) / 1_000);
    return answer;
  };
  const nothing = (rows: readonly unknown[]) => rows.map(() => undefined);
  const lines = groupCommit<Line, boolean>((batch) => timed(() => writeLines(write, batch)), {
    ...options,
    ...{ flights: FLIGHTS, rowsMax: OPENS_PER_FLUSH_MAX, crowd: OPENS_PER_FLUSH_MAX / 2 },
  });
  const moves = groupCommit<UsageRequest & UsagePlacement, boolean>(
    (rows) => timed(() => moveRows(sql, rows)),
    options,
  );
  const parks = groupCommit<UsageKey, undefined>(async (rows) => {
    await parkRows(sql, rows);
    return nothing(rows);
  }, options);
  const refusals = groupCommit<RefusedUsage, undefined>(async (rows) => {
    await writeRefused(sql, rows);
    return nothing(rows);
  }, options);

  const running = new Map<string, RunningRow>();
  const settling = new Set<Promise<void>>();
  const stopped = new AbortController();
  checkpointWhileRunning();

  async function checkpointWhileRunning(): Promise<void> {
    while (!stopped.signal.aborted) {
      await clock.sleep(CHECKPOINT_EVERY, stopped.signal);
      try {
        await checkpoint();
      } catch (error) {
        log.warn("usage_checkpoint_failed", { error: asError(error) });
      }
    }
  }

  async function checkpoint(): Promise<void> {
    const moved: { row: RunningRow; tokens: number; line: UsageKey & UsageCounts }[] = [];
    for (const row of running.values()) {
      const counts = row.counts();
      const tokens = counts.promptTokens + counts.completionTokens;
      if (tokens === row.written) continue;
      moved.push({ row, tokens, line: { ...row.key, ...counts } });
    }
    for (let at = 0; at < moved.length; at += ROWS_PER_CHECKPOINT_MAX) {
      const part = moved.slice(at, at + ROWS_PER_CHECKPOINT_MAX)
        .filter(({ row }) => running.has(row.key.id)); // those that ended meanwhile need none
      await checkpointRows(sql, part.map(({ line }) => line), clock.now());
      for (const { row, tokens } of part) row.written = tokens; // not before: a lost write is repeated
    }
  }

  /** Tries `write` until it succeeds or fails for a reason that trying again cannot mend. */
  function untilDurable(id: string, write: () => Promise<void>): void {
    const settled = (async () => {
      for (let waitMs = CLOSE_RETRY_MIN_MS;; waitMs = Math.min(waitMs * 2, CLOSE_RETRY_MAX_MS)) {
        try {
          return await write();
        } catch (error) {
          if (!isConnectionLost(error) && !isConflict(error) && !isShortage(error)) {
            metrics.usageRowsLostCloseTotal.inc();
            return log.error("usage_row_not_closed", { usage_id: id, error: asError(error) });
          }
          log.warn("usage_close_retried", { usage_id: id, wait_ms: waitMs });
          await clock.sleep(waitMs as Millis);
        }
      }
    })().finally(() => {
      settling.delete(settled);
      metrics.usageRowsUnsettled.set(settling.size);
    });
    settling.add(settled);
    metrics.usageRowsUnsettled.set(settling.size);
  }

  return {
    warmUp: async () => {
      const nothing = { opens: [], closes: [] };
      await Promise.all(Array.from({ length: FLIGHTS }, () => write(nothing)));
    },
    // Only the first attempt can be sure that there is no such row yet.
    open: (row) => row.attempts === 1 ? lines.add({ kind: "open", row }) : moves.add(row),
    park: (key) => parks.add(key),
    track(key, counts) {
      running.set(key.id, { key, counts, written: 0 });
      return () => void running.delete(key.id);
    },
    close(row) {
      running.delete(row.id);
      const closed = { ...row, closedAt: clock.now() };
      untilDurable(row.id, async () => {
        // The answer has left: nobody waits for this.
        if (await lines.addLater({ kind: "close", row: closed })) return;
        // Closed before: a sweep took us for dead, or an earlier try of ours did arrive.
        log.warn("usage_row_closed_before", { usage_id: row.id, ended: row.ended });
      });
    },
    refuse(row) {
      untilDurable(row.id, async () => void await refusals.add(row));
    },
    get unsettled() {
      return settling.size;
    },
    async settle(signal) {
      const given = new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      while (settling.size > 0 && !signal.aborted) {
        await Promise.race([Promise.all(settling), given]);
      }
    },
    stop: () => stopped.abort(),
  };
}

/** One write for lines of both kinds; answers per line whether it stands. */
async function writeLines(write: UsageWriter, batch: readonly Line[]): Promise<boolean[]> {
  const opens = batch.flatMap((line) => line.kind === "open" ? [line.row] : []);
  const closes = batch.flatMap((line) => line.kind === "close" ? [line.row] : []);
  const { opened, closed } = await throughConflicts(() => write({ opens, closes }));
  let [open, close] = [0, 0];
  return batch.map((line) => (line.kind === "open" ? opened[open++] : closed[close++]) ?? false);
}

async function throughConflicts<T>(write: () => Promise<T>): Promise<T> {
  for (let tries = 1;; tries++) {
    try {
      return await write();
    } catch (error) {
      if (!isConflict(error) || tries === CONFLICT_TRIES_MAX) throw error;
    }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
