/** Rows that are tried until they stand: what a request leaves behind when nobody waits any more. */
import { type Clock, millis } from "@/lib/kernel/clock.ts";
import { isConflict, isConnectionLost, isShortage } from "@/lib/kernel/database.ts";
import type { Parcel } from "@/lib/kernel/group_commit.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { Metrics } from "@/lib/kernel/metrics.ts";

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;

/** How many rows do not stand yet, and who waits until they all do. */
export class Unsettled {
  readonly #metrics: Pick<Metrics, "usageRowsUnsettled">;
  #rows = 0;
  #waiting: (() => void)[] = [];

  constructor(metrics: Pick<Metrics, "usageRowsUnsettled">) {
    this.#metrics = metrics;
  }

  get rows(): number {
    return this.#rows;
  }

  begin(): void {
    this.#metrics.usageRowsUnsettled.set(++this.#rows);
  }

  end(): void {
    this.#metrics.usageRowsUnsettled.set(--this.#rows);
    if (this.#rows === 0) { for (const wake of this.#waiting.splice(0)) wake(); }
  }

  /** Resolves when every row stands or was given up, or `signal` aborts. */
  settle(signal: AbortSignal): Promise<void> {
    if (this.#rows === 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}

type LastingDeps = { clock: Clock; log: Log; metrics: Metrics; unsettled: Unsettled };

/** A row on its way: sent again until it stands, or fails for a reason that trying again cannot mend. */
export class Lasting<Row> implements Parcel<Row, boolean> {
  readonly row: Row;
  readonly #named: { readonly id: string; readonly ended?: string };
  readonly #put: (parcel: Parcel<Row, boolean>) => void;
  readonly #deps: LastingDeps;
  #waitMs = RETRY_MS_MIN;

  constructor(
    row: Row,
    named: { readonly id: string; readonly ended?: string },
    put: (parcel: Parcel<Row, boolean>) => void,
    deps: LastingDeps,
  ) {
    this.row = row;
    this.#named = named;
    this.#put = put;
    this.#deps = deps;
  }

  send(): void {
    this.#deps.unsettled.begin();
    this.#put(this);
  }

  landed(stands: boolean): void {
    // Closed before: a sweep took us for dead, or an earlier try of ours did arrive.
    if (!stands) this.#deps.log.warn("usage_row_closed_before", this.#fields());
    this.#deps.unsettled.end();
  }

  failed(error: unknown): void {
    const { clock, log, metrics, unsettled } = this.#deps;
    const { id: usage_id } = this.#named;
    if (!isConnectionLost(error) && !isConflict(error) && !isShortage(error)) {
      metrics.usageRowsLostCloseTotal.inc();
      log.error("usage_row_not_closed", {
        ...{ usage_id, error: error instanceof Error ? error : new Error(String(error)) },
      });
      return unsettled.end();
    }
    const waitMs = this.#waitMs;
    this.#waitMs = Math.min(waitMs * 2, RETRY_MS_MAX);
    log.warn("usage_close_retried", { usage_id, wait_ms: waitMs });
    void clock.sleep(millis(waitMs)).then(() => this.#put(this));
  }

  #fields() {
    return { usage_id: this.#named.id, ended: this.#named.ended };
  }
}
