/** What the scheduler works on: jobs, their sequences, who hears of them, and who keeps the books. */

import { blockHashes, type Holding } from "./kv_cache.ts";
import type { FinishReason } from "./plan.ts";
import type { Random } from "./random.ts";

/** One choice of a request, as the GPU sees it. */
export type SequenceSpec = {
  readonly promptTokens: readonly string[];
  readonly outputTokens: readonly string[];
  readonly finish: FinishReason;
  readonly salt: string;
  /** Lower runs first, with `--scheduling-policy priority`. */
  readonly priority: number;
  readonly remotePrefill: boolean;
  readonly streamInterval: number;
  readonly extraFirstTokenMs: number;
  /** What the request asked for, for the books. */
  readonly params: { readonly n: number; readonly maxTokens: number | null };
  readonly random: Random;
};

/** Who hears of a job's tokens. */
export type Listener = {
  /** Tokens `from` to `to` of one choice exist now; `done` with its last one. */
  output(choice: number, from: number, to: number, done: boolean): void;
  /** Everything of this tick was said. */
  flush(): void;
  /** The socket has not taken what it was given. */
  lagging(): boolean;
  /** The engine gave the request up (never the client). */
  aborted(): void;
};

export type Sequence = {
  readonly job: Job;
  readonly choice: number;
  readonly spec: SequenceSpec;
  readonly hashes: readonly number[];
  state: "waiting" | "running" | "done";
  generated: number;
  sent: number;
  cachedTokens: number;
  /** Null while it waits. */
  holding: Holding | null;
  arrivedMs: number;
  scheduledMs: number;
  firstTokenMs: number;
  lastTokenMs: number;
  dueMs: number;
};

export type Job = {
  readonly id: string;
  readonly sequences: Sequence[];
  readonly listener: Listener;
};

/** What the scheduler tells the books. */
export type Books = {
  scheduled(sequence: Sequence): void;
  tokens(sequence: Sequence, count: number, gapMs: number, first: boolean): void;
  finished(sequence: Sequence, reason: FinishReason, nowMs: number): void;
  preempted(): void;
  iteration(tokens: number): void;
};

/** A sequence that waits for its turn from `nowMs` on. */
export function newSequence(job: Job, choice: number, spec: SequenceSpec, nowMs: number): Sequence {
  return {
    job,
    choice,
    spec,
    hashes: blockHashes(spec.promptTokens, spec.salt),
    state: "waiting",
    generated: 0,
    sent: 0,
    cachedTokens: 0,
    holding: null,
    arrivedMs: nowMs,
    scheduledMs: 0,
    firstTokenMs: 0,
    lastTokenMs: 0,
    dueMs: 0,
  };
}
