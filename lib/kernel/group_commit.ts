/** Group commit: writes that arrive while one is under way travel together in the next. */
import { setImmediate } from "node:timers";
import { assert } from "./assert.ts";
import { type Clock, type Millis, millis } from "./clock.ts";
import { codeOf, isConnectionLost } from "./database.ts";

export type GroupCommit<Row, Result> = {
  /** Resolves with the row's own result once it is durable; rejects with what kept it from being so. */
  add(row: Row): Promise<Result>;
  /** Resolves once every row added so far has its answer. Never rejects. */
  drain(): Promise<void>;
  /** Rows that have no answer yet. */
  readonly waiting: number;
};

export type GroupCommitOptions = {
  /** Rows one write carries at most. */
  rowsMax?: number;
  /** Rows that may wait for an answer; one more is rejected with QueueFullError. */
  queueMax?: number;
  /** Writes under way at a time. */
  flights?: number;
  /**
   * When a write begins that finds none under way: at the end of this turn of the event loop (default), or in the next
   * one, so that what the caller does next is not held up.
   */
  begin?: "this turn" | "next turn";
  /**
   * Tries again after a fault that was nobody's: a lost connection, a deadlock. Only for a write that may be
   * repeated, for the lost one may have been carried out. The wait doubles from `wait` on.
   */
  retry?: { attempts: number; wait: Millis; clock: Clock; signal?: AbortSignal };
};

/** Too many rows wait for the database. */
export class QueueFullError extends Error {
  override readonly name = "QueueFullError";
  constructor(readonly queueMax: number) {
    super(`Cannot take another row: ${queueMax} wait for the database already`);
  }
}

const ROWS_MAX = 1_000;
const QUEUE_MAX = 100_000;
const RETRY_MS_MAX = 5_000;

/**
 * Combines concurrent writes. `write` must carry all of its rows or none (one statement, or one transaction) and
 * answer one result per row, in order. When a row is at fault (SQLSTATE class 22 or 23) the batch is halved until
 * it stands alone, and only that row is rejected: f bad rows among n cost about 2 f log n writes.
 */
export function groupCommit<Row, Result>(
  write: (rows: readonly Row[]) => Promise<readonly Result[]>,
  options: GroupCommitOptions = {},
): GroupCommit<Row, Result> {
  const { rowsMax = ROWS_MAX, queueMax = QUEUE_MAX, flights = 1, retry } = options;
  const soon = options.begin === "next turn" ? setImmediate : queueMicrotask;
  assert(rowsMax > 0 && flights > 0, "a group commit carries rows");
  type Waiter = { row: Row; done: PromiseWithResolvers<Result> };
  const queue: Waiter[] = [];
  const running = new Set<Promise<void>>();
  let flying = 0;
  let scheduled = false;

  function add(row: Row): Promise<Result> {
    if (queue.length + flying >= queueMax) return Promise.reject(new QueueFullError(queueMax));
    const done = Promise.withResolvers<Result>();
    queue.push({ row, done });
    // Not at once: what else is added in this turn of the event loop comes along.
    if (!scheduled && running.size < flights) {
      scheduled = true;
      soon(takeOff);
    }
    return done.promise;
  }

  function takeOff(): void {
    scheduled = false;
    while (running.size < flights && queue.length > 0) {
      const batch = queue.splice(0, rowsMax);
      flying += batch.length;
      const flight = settle(batch).finally(() => {
        flying -= batch.length;
        running.delete(flight);
        takeOff();
      });
      running.add(flight);
    }
  }

  async function settle(batch: readonly Waiter[]): Promise<void> {
    try {
      const results = await persist(batch.map((each) => each.row));
      assert(results.length === batch.length, "a write answers one result per row");
      // deno-lint-ignore no-non-null-assertion -- as many results as rows
      batch.forEach((each, i) => each.done.resolve(results[i]!));
    } catch (error) {
      if (batch.length > 1 && isRowFault(error)) {
        const middle = Math.ceil(batch.length / 2);
        await settle(batch.slice(0, middle));
        await settle(batch.slice(middle));
      } else batch.forEach((each) => each.done.reject(error));
    }
  }

  async function persist(rows: readonly Row[]): Promise<readonly Result[]> {
    for (let attempt = 1;; attempt++) {
      try {
        return await write(rows);
      } catch (error) {
        const again = retry !== undefined && attempt < retry.attempts && isNobodysFault(error);
        if (!again || retry.signal?.aborted) throw error;
        const wait = Math.min(retry.wait * 2 ** (attempt - 1), RETRY_MS_MAX);
        await retry.clock.sleep(millis(wait), retry.signal);
      }
    }
  }

  return {
    add,
    async drain() {
      await Promise.allSettled([...running, ...queue.map((each) => each.done.promise)]);
    },
    get waiting() {
      return queue.length + flying;
    },
  };
}

/** A value the column cannot hold (class 22) or a constraint forbids (class 23). */
const isRowFault = (error: unknown): boolean => /^2[23]...$/.test(codeOf(error) ?? "");

/** The line was lost, or two transactions stood in each other's way. */
const isNobodysFault = (error: unknown): boolean =>
  isConnectionLost(error) || /^40(001|P01)$/.test(codeOf(error) ?? "");
