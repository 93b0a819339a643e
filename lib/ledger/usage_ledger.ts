/**
 * One replica's usage rows on their way to Postgres: opens wait until they are durable, closes are tried until they
 * are, and what runs is checkpointed together once a second.
 */
import { type Clock, millis } from "@/lib/kernel/clock.ts";
import { isConflict, type Sql } from "@/lib/kernel/database.ts";
import { groupCommit, type Parcel } from "@/lib/kernel/group_commit.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { Metrics } from "@/lib/kernel/metrics.ts";
import { Roster, type Seated } from "@/lib/kernel/roster.ts";
import { Lasting, Unsettled } from "./usage_lasting.ts";
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

type RunningRow = Seated & {
  readonly key: UsageKey;
  readonly counts: () => UsageCounts;
  written: number;
};

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

  const running = new Roster<RunningRow>();
  const stopped = new AbortController();
  const unsettled = new Unsettled(metrics);
  const lasting = { clock, log, metrics, unsettled };
  // The answer has left: nobody waits for this.
  const putLine = (parcel: Parcel<Line, boolean>) => lines.addLater(parcel);
  const putRefusal = (parcel: Parcel<RefusedUsage, boolean>) =>
    void refusals.add(parcel.row).then(() => parcel.landed(true), (error) => parcel.failed(error));
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
    for (const row of running) {
      const counts = row.counts();
      const tokens = counts.promptTokens + counts.completionTokens;
      if (tokens === row.written) continue;
      moved.push({ row, tokens, line: { ...row.key, ...counts } });
    }
    for (let at = 0; at < moved.length; at += ROWS_PER_CHECKPOINT_MAX) {
      const part = moved.slice(at, at + ROWS_PER_CHECKPOINT_MAX)
        .filter(({ row }) => row.seat !== -1); // those that ended meanwhile need none
      await checkpointRows(sql, part.map(({ line }) => line), clock.now());
      for (const { row, tokens } of part) row.written = tokens; // not before: a lost write is repeated
    }
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
      const row = { key, counts, written: 0, seat: -1 };
      running.add(row);
      return () => void running.delete(row);
    },
    close(row) {
      const line: Line = { kind: "close", row: { ...row, closedAt: clock.now() } };
      new Lasting(line, row, putLine, lasting).send();
    },
    refuse: (row) => new Lasting(row, row, putRefusal, lasting).send(),
    get unsettled() {
      return unsettled.rows;
    },
    settle: (signal) => unsettled.settle(signal),
    stop: () => stopped.abort(),
  };
}

/** One write for lines of both kinds; answers per line whether it stands. */
async function writeLines(write: UsageWriter, batch: readonly Line[]): Promise<boolean[]> {
  const opens: (UsageRequest & UsagePlacement)[] = [];
  const closes: UsageClosed[] = [];
  for (const line of batch) {
    if (line.kind === "open") opens.push(line.row);
    else closes.push(line.row);
  }
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
