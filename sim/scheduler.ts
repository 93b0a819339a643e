/**
 * The imagined GPU: who runs, who waits, and when each token falls due. One timer serves every stream; each stream is paced
 * against its own schedule, so that lateness never adds up.
 */

import { type Clock, millis } from "@/lib/kernel/clock.ts";
import { BLOCK_TOKENS, blockHashes, type KvCache } from "./kv_cache.ts";
import { firstTokenMs, loadFactor, nextTokenMs } from "./latency.ts";
import type { Live } from "./options.ts";
import type { FinishReason } from "./plan.ts";
import {
  type Books,
  type Job,
  type Listener,
  newSequence,
  type Sequence,
  type SequenceSpec,
} from "./sequence.ts";

/** How late an engine step must be before its tokens are sent as one delta, as a lagging API server does. */
const MERGE_LAG_MS = 50;
const TOKENS_PER_TICK_MAX = 64;
const TICK_MS_MIN = 1;

export type PauseMode = "abort" | "wait" | "keep";

export class Scheduler {
  readonly cache: KvCache;
  readonly #clock: Clock;
  readonly #live: () => Live;
  readonly #books: Books;
  readonly #byPriority: boolean;
  readonly #batchTokens: number;
  #waiting: Sequence[] = [];
  #running: Sequence[] = [];
  #paused = false;
  #frozenAtMs: number | null = null;
  #idle: (() => void)[] = [];
  #armed: { untilMs: number; cancel: AbortController } | null = null;
  #budget: number;
  #budgetAtMs = 0;
  #ticking = false;

  constructor(
    clock: Clock,
    live: () => Live,
    cache: KvCache,
    books: Books,
    options: { schedulingPolicy: "fcfs" | "priority"; maxNumBatchedTokens: number },
  ) {
    this.#clock = clock;
    this.#live = live;
    this.cache = cache;
    this.#books = books;
    this.#byPriority = options.schedulingPolicy === "priority";
    this.#batchTokens = options.maxNumBatchedTokens;
    this.#budget = options.maxNumBatchedTokens;
  }

  get running(): number {
    return this.#running.length;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Every unfinished job, once. */
  jobs(): Set<Job> {
    return new Set([...this.#running, ...this.#waiting].map((one) => one.job));
  }

  /** Queues a job; it never refuses, as vLLM never does. */
  submit(id: string, specs: readonly SequenceSpec[], listener: Listener): Job {
    const now = this.#clock.elapsedMs();
    const job: Job = { id, sequences: [], listener };
    job.sequences.push(...specs.map((spec, choice) => newSequence(job, choice, spec, now)));
    this.#waiting.push(...job.sequences);
    if (this.#byPriority) {
      this.#waiting.sort((a, b) => a.spec.priority - b.spec.priority || a.arrivedMs - b.arrivedMs);
    }
    this.#admit(now);
    this.#arm(now);
    return job;
  }

  /** Stops a job where it stands and frees what it held. The listener is not told. */
  abort(job: Job): void {
    const now = this.#clock.elapsedMs();
    for (const sequence of job.sequences) this.#end(sequence, "abort", now);
    this.#admit(now);
    this.#arm(now);
  }

  /** Gives every job up and tells its listener. */
  abortAll(): void {
    for (const job of this.jobs()) {
      this.abort(job);
      job.listener.aborted();
    }
  }

  /** Admits nobody until {@link resume}; resolves when what ran has ended, stopped or frozen as `mode` says. */
  async pause(mode: PauseMode): Promise<void> {
    this.#paused = true;
    if (mode === "abort") {
      for (const job of new Set(this.#running.map((sequence) => sequence.job))) {
        this.abort(job);
        job.listener.aborted();
      }
    } else if (mode === "keep") {
      this.#frozenAtMs ??= this.#clock.elapsedMs();
    } else if (this.#running.length > 0) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
  }

  resume(): void {
    const now = this.#clock.elapsedMs();
    this.#paused = false;
    if (this.#frozenAtMs !== null) {
      for (const sequence of this.#running) sequence.dueMs += now - this.#frozenAtMs;
      this.#frozenAtMs = null;
    }
    this.#admit(now);
    this.#arm(now);
  }

  #admit(now: number): void {
    const live = this.#live();
    this.#refill(now, live);
    while (!this.#paused && this.#running.length < live.maxNumSeqs) {
      const next = this.#waiting[0];
      if (next === undefined || this.#budget <= 0) return;
      const tokens = next.spec.promptTokens.length + next.generated;
      const cached = this.cache.cachedTokens(next.hashes, tokens);
      next.holding = this.cache.take(next.hashes, tokens + 1);
      if (next.holding === null) return;
      this.#waiting.shift();
      this.#budget -= tokens - cached;
      this.#running.push(next);
      next.state = "running";
      next.cachedTokens = cached;
      next.scheduledMs = now;
      const load = loadFactor(live.latency, this.#running.length, live.maxNumSeqs);
      const prefill = {
        promptTokens: tokens,
        cachedTokens: cached,
        remote: next.spec.remotePrefill,
      };
      next.dueMs = now + next.spec.extraFirstTokenMs +
        firstTokenMs(live.latency, prefill, load, next.spec.random);
      this.#books.scheduled(next);
    }
  }

  /** The prefill budget: `max_num_batched_tokens` for each engine step, a step being one token's time. */
  #refill(now: number, live: Live): void {
    const stepMs = Math.max(live.latency.interTokenLatencyMs, TICK_MS_MIN);
    const steps = Math.floor((now - this.#budgetAtMs) / stepMs);
    if (steps <= 0) return;
    this.#budgetAtMs += steps * stepMs;
    this.#budget = Math.min(this.#budget + steps * this.#batchTokens, this.#batchTokens);
  }

  #tick(): void {
    const now = this.#clock.elapsedMs();
    this.#ticking = true;
    this.#admit(now);
    let tokens = 0;
    const touched = new Set<Job>();
    if (this.#frozenAtMs === null) {
      for (const sequence of [...this.#running]) {
        if (sequence.state !== "running" || sequence.dueMs > now) continue;
        tokens += this.#step(sequence, now);
        touched.add(sequence.job);
      }
    }
    for (const job of touched) job.listener.flush();
    if (tokens > 0) this.#books.iteration(tokens);
    this.#admit(now);
    this.#ticking = false;
    this.#arm(now);
  }

  /** Produces every token of one sequence that has fallen due. */
  #step(sequence: Sequence, now: number): number {
    const { spec } = sequence;
    const live = this.#live();
    const total = spec.outputTokens.length;
    const load = loadFactor(live.latency, this.#running.length, live.maxNumSeqs);
    const merge = now - sequence.dueMs > MERGE_LAG_MS || sequence.job.listener.lagging();
    const interval = merge ? Infinity : spec.streamInterval;
    let count = 0;
    while (
      sequence.state === "running" && sequence.dueMs <= now && sequence.generated < total &&
      count < TOKENS_PER_TICK_MAX
    ) {
      if (!this.#room(sequence)) break;
      const first = sequence.generated === 0;
      const gapMs = first ? 0 : sequence.dueMs - sequence.lastTokenMs;
      sequence.generated++;
      count++;
      if (first) sequence.firstTokenMs = now;
      sequence.lastTokenMs = sequence.dueMs;
      this.#books.tokens(sequence, 1, gapMs, first);
      sequence.dueMs += nextTokenMs(live.latency, load, spec.random);
      const waits = sequence.generated - sequence.sent;
      if (first || (waits >= interval && sequence.generated < total)) this.#send(sequence, false);
    }
    if (sequence.state !== "running") return count;
    if (sequence.generated >= total) {
      this.#send(sequence, true);
      this.#end(sequence, spec.finish, now);
    } else if (merge && sequence.generated > sequence.sent) this.#send(sequence, false);
    return count;
  }

  #send(sequence: Sequence, done: boolean): void {
    if (!done && sequence.generated === sequence.spec.outputTokens.length) return;
    const from = sequence.sent;
    sequence.sent = sequence.generated;
    sequence.job.listener.output(sequence.choice, from, sequence.generated, done);
  }

  /** Makes sure the next token has a place; the youngest running sequence gives way when memory is full. */
  #room(sequence: Sequence): boolean {
    const written = sequence.spec.promptTokens.length + sequence.generated;
    if (written % BLOCK_TOKENS !== 0 || sequence.generated === 0) return true;
    while (sequence.holding !== null && !this.cache.grow(sequence.holding)) {
      const youngest = this.#running.at(-1);
      if (youngest === undefined) return false;
      this.#preempt(youngest);
      if (youngest === sequence) return false;
    }
    return true;
  }

  #preempt(sequence: Sequence): void {
    if (sequence.holding !== null) this.cache.release(sequence.holding, sequence.hashes);
    sequence.holding = null;
    sequence.state = "waiting";
    this.#running = this.#running.filter((other) => other !== sequence);
    this.#waiting.unshift(sequence);
    this.#books.preempted();
  }

  #end(sequence: Sequence, reason: FinishReason, now: number): void {
    if (sequence.state === "done") return;
    if (sequence.state === "waiting") {
      this.#waiting = this.#waiting.filter((other) => other !== sequence);
    } else this.#running = this.#running.filter((other) => other !== sequence);
    sequence.state = "done";
    if (sequence.holding !== null) {
      const { promptTokens, outputTokens, salt } = sequence.spec;
      const written = [...promptTokens, ...outputTokens.slice(0, sequence.generated)];
      this.cache.release(sequence.holding, blockHashes(written, salt));
      sequence.holding = null;
    }
    this.#books.finished(sequence, reason, now);
    if (this.#running.length === 0) { for (const wake of this.#idle.splice(0)) wake(); }
  }

  /** Sets the one timer to the earliest thing due. */
  #arm(now: number): void {
    if (this.#ticking) return;
    let due = Infinity;
    if (this.#frozenAtMs === null) {
      for (const sequence of this.#running) if (sequence.dueMs < due) due = sequence.dueMs;
    }
    if (this.#waiting.length > 0 && !this.#paused && this.#budget <= 0) {
      const stepMs = Math.max(this.#live().latency.interTokenLatencyMs, TICK_MS_MIN);
      due = Math.min(due, this.#budgetAtMs + stepMs);
    }
    if (due === Infinity) {
      this.#armed?.cancel.abort();
      this.#armed = null;
      return;
    }
    const untilMs = Math.max(due, now + TICK_MS_MIN);
    if (this.#armed !== null && this.#armed.untilMs <= untilMs) return;
    this.#armed?.cancel.abort();
    const cancel = new AbortController();
    const armed = { untilMs, cancel };
    this.#armed = armed;
    this.#clock.sleep(millis(untilMs - now), cancel.signal).then(() => {
      if (this.#armed !== armed) return;
      this.#armed = null;
      this.#tick();
    });
  }
}
