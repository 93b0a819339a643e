/** Sleep mode: what is on the GPU, and what must come back before the engine runs again. */

import { type Clock, millis } from "@/lib/kernel/clock.ts";
import type { PauseMode, Scheduler } from "./scheduler.ts";

export type SleepOptions = {
  readonly sleepMs: number;
  readonly wakeMs: number;
  readonly reloadMs: number;
  readonly log: (line: string) => void;
};

const WAKE_TAGS = ["weights", "kv_cache"];
/** Share of a wake that the weights take; the rest is the KV cache. */
const WEIGHTS_SHARE = 0.9;
const GIB_FREED = 83.04;
const GIB_WEIGHTS = 75.16;

/** The sleep of one engine. Calls wait for one another. */
export class Sleeper {
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #options: SleepOptions;
  #level = 0;
  #asleep = new Set<string>();
  /** What the metric says; any wake-up, even of a part, resets it, as in vLLM. */
  #shown: "awake" | "weights_offloaded" | "discard_all" = "awake";
  #weightsLost = false;
  #turn: Promise<void> = Promise.resolve();

  constructor(clock: Clock, scheduler: Scheduler, options: SleepOptions) {
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.#options = options;
  }

  /** True until everything is awake. */
  get sleeping(): boolean {
    return this.#asleep.size > 0;
  }

  get metric(): "awake" | "weights_offloaded" | "discard_all" {
    return this.#shown;
  }

  /** Weights were discarded and never reloaded: what is generated is noise. */
  get garbled(): boolean {
    return this.#weightsLost;
  }

  /** Resolves when the engine is asleep. Level 0 only stops scheduling. */
  sleep(level: number, mode: PauseMode): Promise<void> {
    return this.#inTurn(async () => {
      const startedMs = this.#clock.elapsedMs();
      await this.#scheduler.pause(mode);
      this.#asleep = new Set(level === 0 ? ["scheduling"] : WAKE_TAGS);
      this.#level = level;
      if (level > 0) {
        await this.#clock.sleep(millis(this.#options.sleepMs));
        this.#scheduler.cache.forget();
        this.#shown = level === 1 ? "weights_offloaded" : "discard_all";
        if (level === 2) this.#weightsLost = true;
      }
      this.#logSleep(level, startedMs);
    });
  }

  /** Resolves when the given parts (all without tags) are awake. */
  wake(tags: readonly string[]): Promise<void> {
    return this.#inTurn(async () => {
      const { log, wakeMs } = this.#options;
      const startedMs = this.#clock.elapsedMs();
      log(`wake up the engine with tags: ${tags.length === 0 ? "None" : pyList(tags)}`);
      const wanted = tags.length === 0 ? [...this.#asleep] : tags;
      for (const tag of wanted) {
        if (!this.#asleep.has(tag) || this.#level === 0) continue;
        const share = tag === "weights" ? WEIGHTS_SHARE : 1 - WEIGHTS_SHARE;
        await this.#clock.sleep(millis(wakeMs * share));
      }
      for (const tag of wanted) this.#asleep.delete(tag);
      if (this.#level === 0) this.#asleep.clear();
      this.#shown = "awake";
      const tookS = (this.#clock.elapsedMs() - startedMs) / 1_000;
      log(`It took ${tookS.toFixed(6)} seconds to wake up tags ${pySet(wanted)}.`);
      if (!this.sleeping) this.#scheduler.resume();
    });
  }

  /** `collective_rpc reload_weights`: what level 2 discarded is read from disk again. */
  reloadWeights(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#clock.sleep(millis(this.#options.reloadMs));
      this.#weightsLost = false;
    });
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(act);
    this.#turn = done.catch(() => {});
    return done;
  }

  #logSleep(level: number, startedMs: number): void {
    const { log } = this.#options;
    if (level > 0) {
      const kept = level === 1 ? GIB_WEIGHTS : 0;
      log(
        `CuMemAllocator: sleep freed ${GIB_FREED} GiB memory in total, of which ${
          kept.toFixed(2)
        } GiB is ` +
          `backed up in CPU and the rest ${
            (GIB_FREED - kept).toFixed(2)
          } GiB is discarded directly.`,
      );
      log(`Sleep mode freed ${GIB_FREED} GiB memory, 1.20 GiB memory is still in use.`);
    }
    const tookS = (this.#clock.elapsedMs() - startedMs) / 1_000;
    log(`It took ${tookS.toFixed(6)} seconds to fall asleep.`);
  }
}

function pyList(tags: readonly string[]): string {
  return `[${tags.map((tag) => `'${tag}'`).join(", ")}]`;
}

function pySet(tags: readonly string[]): string {
  return tags.length === 0 ? "set()" : `{${tags.map((tag) => `'${tag}'`).join(", ")}}`;
}
