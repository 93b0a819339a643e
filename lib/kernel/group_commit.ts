/** Group commit: writes that arrive while one is under way travel together in the next. */
import { assert } from "./assert.ts";
import { codeOf } from "./database.ts";

export type GroupCommit<Row, Result> = {
  /** Resolves with the row's own result once it is durable; rejects with what kept it from being so. */
  add(row: Row): Promise<Result>;
  /**
   * As `add`, for a row that nobody waits for: it travels with the next that somebody does, and alone only when none
   * comes within LATER_MS_MAX. A write of such rows alone does not hold up one that somebody waits for. What became of
   * it is told without a promise, of which a close used to make six.
   */
  addLater(parcel: Parcel<Row, Result>): void;
  /** Rows that have no answer yet. */
  readonly waiting: number;
};

/** A row, and who is told what became of it: one of the two, once. */
export type Parcel<Row, Result> = {
  readonly row: Row;
  landed(result: Result): void;
  failed(error: unknown): void;
};

export type GroupCommitOptions = {
  /** Rows one write carries at most: as many that somebody waits for, and as many that nobody does. */
  rowsMax?: number;
  /** Rows that may wait for an answer; one more is rejected with QueueFullError. */
  queueMax?: number;
  /** Writes under way at a time that somebody waits for. */
  flights?: number;
  /** How many rows must wait for another write to begin beside one under way: fewer are better off together. */
  crowd?: number;
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
/** How long a row that nobody waits for looks for company. */
export const LATER_MS_MAX = 5;

/**
 * Combines concurrent writes. `write` must carry all of its rows or none (one statement, or one transaction) and
 * answer one result per row, in order. When a row is at fault (SQLSTATE class 22 or 23) the batch is halved until
 * it stands alone, and only that row is rejected: f bad rows among n cost about 2 f log n writes.
 */
export function groupCommit<Row, Result>(
  write: (rows: readonly Row[]) => Promise<readonly Result[]>,
  options: GroupCommitOptions = {},
): GroupCommit<Row, Result> {
  const { rowsMax = ROWS_MAX, queueMax = QUEUE_MAX, flights = 1, crowd = 1 } = options;
  assert(rowsMax > 0 && flights > 0, "a group commit carries rows");
  type Waiter = Parcel<Row, Result>;
  const queue: Waiter[] = [];
  const later: Waiter[] = [];
  /** Writes under way that somebody waits for. */
  let awaited = 0;
  /** Whether one is under way that nobody waits for. */
  let alone = false;
  let flying = 0;
  let scheduled = false;
  let timer: ReturnType<typeof setTimeout> | null = null;

  const mayTakeOff = () =>
    awaited === 0 ? queue.length > 0 : awaited < flights && queue.length >= crowd;
  const waiting = () => queue.length + later.length + flying;

  function add(row: Row): Promise<Result> {
    if (waiting() >= queueMax) return Promise.reject(new QueueFullError(queueMax));
    return new Promise((landed, failed) => {
      queue.push({ row, landed, failed });
      // Not at once: what else is added in this turn of the event loop comes along.
      if (!scheduled && mayTakeOff()) {
        scheduled = true;
        queueMicrotask(takeOff);
      }
    });
  }

  function addLater(parcel: Waiter): void {
    if (waiting() >= queueMax) return parcel.failed(new QueueFullError(queueMax));
    later.push(parcel);
    timer ??= setTimeout(takeOffAlone, LATER_MS_MAX);
  }

  function takeOff(): void {
    scheduled = false;
    while (mayTakeOff()) {
      const batch = queue.splice(0, rowsMax);
      batch.push(...later.splice(0, rowsMax));
      awaited++;
      void fly(batch, () => {
        awaited--;
        takeOff();
      });
    }
  }

  /** Nobody came whom the rows in `later` could have travelled with, or they are many. */
  function takeOffAlone(): void {
    timer = null;
    if (later.length === 0) return;
    if (awaited === 0 && !alone) {
      alone = true;
      void fly(later.splice(0, rowsMax), () => alone = false);
    }
    if (later.length > 0) timer = setTimeout(takeOffAlone, LATER_MS_MAX);
  }

  async function fly(batch: readonly Waiter[], landed: () => void): Promise<void> {
    flying += batch.length;
    await settle(batch);
    flying -= batch.length;
    landed();
  }

  /** Never rejects. */
  async function settle(batch: readonly Waiter[]): Promise<void> {
    let results: readonly Result[];
    try {
      results = await write(batch.map((each) => each.row));
      assert(results.length === batch.length, "a write answers one result per row");
    } catch (error) {
      if (batch.length > 1 && isRowFault(error)) {
        const middle = Math.ceil(batch.length / 2);
        await settle(batch.slice(0, middle));
        await settle(batch.slice(middle));
        return;
      }
      for (const each of batch) each.failed(error);
      return;
    }
    let at = 0;
    // deno-lint-ignore no-non-null-assertion -- as many results as rows
    for (const each of batch) each.landed(results[at++]!);
  }

  return {
    add,
    addLater,
    get waiting() {
      return waiting();
    },
  };
}

/** A value the column cannot hold (class 22) or a constraint forbids (class 23). */
const isRowFault = (error: unknown): boolean => /^2[23]...$/.test(codeOf(error) ?? "");
