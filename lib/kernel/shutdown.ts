/** Leaving in order: the first signal stops the program step by step, the second ends it at once. */
import process from "node:process";
import { type Clock, type Millis, millis } from "./clock.ts";
import type { Log } from "./log.ts";

export type Shutdown = {
  /** Aborts the moment stopping begins: nothing new is started from then on. */
  readonly stopping: AbortSignal;
  /**
   * Adds a step; steps run one after another in the order they were added. Its signal aborts at `limit` (by default
   * the grace), and then the next one runs, whatever became of it.
   */
  onStop(name: string, step: (signal: AbortSignal) => Promise<void>, limit?: Millis): void;
  /** Runs the steps, once; later calls get the same promise. Never rejects. */
  stop(because: string): Promise<void>;
  /** Stops at SIGTERM or SIGINT, and exits with 130 at the second. Resolves when all steps have run. */
  handleSignals(host?: SignalHost): Promise<void>;
};

/** The process, as far as signals go. */
export type SignalHost = {
  on(signal: "SIGTERM" | "SIGINT", heard: () => void): void;
  off(signal: "SIGTERM" | "SIGINT", heard: () => void): void;
  exit(code: number): void;
};

export const EXIT_SECOND_SIGNAL = 130;

/** Steps are given `graceMs` each, unless they are added with a limit of their own. */
export function createShutdown(
  { log, clock, graceMs }: { log: Log; clock: Clock; graceMs: number },
): Shutdown {
  type Step = { name: string; run: (signal: AbortSignal) => Promise<void>; limit: Millis };
  const steps: Step[] = [];
  const stopping = new AbortController();
  const stopped = Promise.withResolvers<void>();

  async function runSteps(because: string): Promise<void> {
    log.info("shutdown.begun", { because });
    // By index: a step may add another.
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i];
      if (step !== undefined) await runStep(step);
    }
    log.info("shutdown.done", { because });
    stopped.resolve();
  }

  async function runStep({ name, run, limit }: Step): Promise<void> {
    const overdue = new AbortController();
    const over = new AbortController();
    const startedMs = clock.elapsedMs();
    const done = Promise.try(run, overdue.signal).then(
      () => "done" as const,
      (error) => {
        log.error("shutdown.step_failed", { step: name, error });
        return "failed" as const;
      },
    );
    const late = clock.sleep(limit, over.signal).then(() => "late" as const);
    const outcome = await Promise.race([done, late]);
    over.abort();
    if (outcome === "late") {
      overdue.abort();
      log.warn("shutdown.step_late", { step: name, limitMs: limit });
    }
    log.debug("shutdown.step", { step: name, outcome, tookMs: clock.elapsedMs() - startedMs });
  }

  function stop(because: string): Promise<void> {
    if (!stopping.signal.aborted) {
      stopping.abort();
      runSteps(because);
    }
    return stopped.promise;
  }

  return {
    stopping: stopping.signal,
    onStop(name, run, limit = millis(graceMs)) {
      steps.push({ name, run, limit });
    },
    stop,
    async handleSignals(host = processHost) {
      const heard = () => {
        if (!stopping.signal.aborted) return void stop("signal");
        log.warn("shutdown.second_signal", {});
        host.exit(EXIT_SECOND_SIGNAL);
      };
      host.on("SIGTERM", heard);
      host.on("SIGINT", heard);
      await stopped.promise;
      host.off("SIGTERM", heard);
      host.off("SIGINT", heard);
    },
  };
}

const processHost: SignalHost = {
  on: (signal, heard) => Deno.addSignalListener(signal, heard),
  off: (signal, heard) => Deno.removeSignalListener(signal, heard),
  exit: (code) => process.exit(code),
};
