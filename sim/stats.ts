/** What the simulator really did, for tests to compare with what a gateway says. */

import type { FinishReason } from "./plan.ts";

const REQUESTS_KEPT = 10_000;

export type RequestRecord = {
  /** Output tokens whose chunk was produced, over all choices. */
  generated: number;
  prompt_tokens: number;
  /** Null while it runs; "error" when it was refused a finish by a fault. */
  finished_reason: FinishReason | "error" | null;
  /** Unix milliseconds at which generation stopped early, null if it did not. */
  aborted_at_ms: number | null;
};

export type EngineStats = {
  requests: number;
  finished: number;
  aborted: number;
  running: number;
  waiting: number;
  generated_tokens: number;
  prompt_tokens: number;
  by_request: Record<string, RequestRecord>;
};

/** The books of one engine. */
export class Stats {
  requests = 0;
  finished = 0;
  aborted = 0;
  generatedTokens = 0;
  promptTokens = 0;
  readonly #records = new Map<string, RequestRecord>();

  /** Opens the record of a request; a repeated id starts a new one. */
  open(id: string, promptTokens: number): RequestRecord {
    this.requests++;
    this.promptTokens += promptTokens;
    const record: RequestRecord = {
      generated: 0,
      prompt_tokens: promptTokens,
      finished_reason: null,
      aborted_at_ms: null,
    };
    this.#records.delete(id);
    this.#records.set(id, record);
    if (this.#records.size > REQUESTS_KEPT) {
      for (const oldest of this.#records.keys()) {
        this.#records.delete(oldest);
        break;
      }
    }
    return record;
  }

  tokens(record: RequestRecord, count: number): void {
    record.generated += count;
    this.generatedTokens += count;
  }

  finish(record: RequestRecord, reason: FinishReason | "error", nowMs: number): void {
    if (record.finished_reason !== null) return;
    record.finished_reason = reason;
    if (reason === "abort" || reason === "error") {
      record.aborted_at_ms = nowMs;
      this.aborted++;
    } else this.finished++;
  }

  snapshot(running: number, waiting: number): EngineStats {
    return {
      requests: this.requests,
      finished: this.finished,
      aborted: this.aborted,
      running,
      waiting,
      generated_tokens: this.generatedTokens,
      prompt_tokens: this.promptTokens,
      by_request: Object.fromEntries(
        [...this.#records].map(([id, record]) => [id, { ...record }]),
      ),
    };
  }
}
