/** One simulated vLLM server, in this process: start it, talk to its port, close it. */

import { type Clock, millis, systemClock } from "@/lib/kernel/clock.ts";
import type { Context } from "./context.ts";
import { HttpMetrics } from "./http_metrics.ts";
import { type HttpServer, serve } from "./http/server.ts";
import { KvCache } from "./kv_cache.ts";
import { BLOCK_TOKENS } from "./kv_cache.ts";
import { Metrics } from "./metrics.ts";
import { DEFAULT_OPTIONS, type EngineOptions, type Live } from "./options.ts";
import { pipeline } from "./pipeline.ts";
import { profileOf } from "./profile.ts";
import { hash32 } from "./random.ts";
import { latencyProblem } from "./routes/admin.ts";
import { routeTable } from "./routes/table.ts";
import { Scheduler } from "./scheduler.ts";
import { Sleeper } from "./sleep.ts";
import { runStartup } from "./startup.ts";
import { type EngineStats, Stats } from "./stats.ts";
import { ENGINE_DEAD } from "./wire/errors.ts";

/** How long a server whose engine died still answers 500 and 503. */
const DEATH_MS = 1_000;
/** How often a draining server looks whether it is done. */
const DRAIN_LOOK_MS = 20;

export type EngineDeps = {
  readonly clock?: Clock;
  /** Receives the log lines; silent by default. */
  readonly log?: (line: string) => void;
  /** Called when the server has ended by itself, with the exit code vLLM would have. */
  readonly onExit?: (code: number) => void;
  /** Ends the start-up early. */
  readonly signal?: AbortSignal;
};

export type Engine = {
  readonly url: string;
  readonly port: number;
  stats(): EngineStats;
  /** Changes what `/admin/config` can change. */
  configure(change: Partial<Live>): void;
  /** What SIGTERM does: drains for `--shutdown-timeout`, or aborts, then closes. */
  terminate(): Promise<void>;
  /** Closes everything at once. */
  close(): Promise<void>;
};

/**
 * Starts a server; resolves when it listens, after the start-up phases. `port` 0 chooses a free one.
 * @throws RangeError for options that contradict each other.
 */
export async function startEngine(
  given: Partial<EngineOptions> = {},
  deps: EngineDeps = {},
): Promise<Engine> {
  const options: EngineOptions = { ...DEFAULT_OPTIONS, ...given };
  checkOptions(options);
  const clock = deps.clock ?? systemClock;
  const log = deps.log ?? (() => {});
  await runStartup(options, clock, log, deps.signal);

  const profile = profileOf(options.profile);
  const createdS = clock.now() / 1_000;
  const modelName = options.servedModelNames[0] ?? options.model;
  const metrics = new Metrics(profile, {
    modelName,
    numGpuBlocks: options.numGpuBlocks,
    maxModelLen: options.maxModelLen,
    createdS,
  });
  const cache = new KvCache(options.numGpuBlocks, options.prefixCaching);
  const scheduler = new Scheduler(clock, () => context.live, cache, metrics, options);
  let server: HttpServer | null = null;
  let closed = false;

  const context: Context = {
    options,
    profile,
    clock,
    scheduler,
    metrics,
    httpMetrics: new HttpMetrics(createdS),
    stats: new Stats(),
    sleeper: new Sleeper(clock, scheduler, { ...options, log }),
    fingerprint: profile.systemFingerprint
      ? `vllm-${profile.version}-${hash32(options.model).toString(16).padStart(8, "0")}`
      : null,
    runs: new Set(),
    live: {
      latency: options.latency,
      maxNumSeqs: options.maxNumSeqs,
      mode: options.mode,
      seed: options.seed,
      faults: options.faults,
    },
    state: "serving",
    load: 0,
    die() {
      if (context.state === "dead") return;
      context.state = "dead";
      log("AsyncLLM output_handler failed: EngineDeadError");
      for (const run of [...context.runs]) run.failed(ENGINE_DEAD);
      clock.sleep(millis(DEATH_MS)).then(async () => {
        await close();
        deps.onExit?.(1);
      });
    },
    refuse(ms) {
      server?.refuse().then(() => clock.sleep(millis(ms))).then(async () => {
        if (!closed) await server?.accept();
      });
    },
  };
  const close = async () => {
    if (closed) return;
    closed = true;
    for (const job of scheduler.jobs()) scheduler.abort(job);
    stopStats.abort();
    await server?.close();
  };
  const stopStats = new AbortController();
  if (options.logStats) logStats(context, log, stopStats.signal);
  server = await serve({
    host: options.host,
    port: options.port,
    keepAliveMs: options.keepAliveMs,
    unixMs: () => clock.now(),
  }, pipeline(context, routeTable(context)));
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  const url = `http://${host}:${server.port}`;
  logListening(context, url, log);

  return {
    url,
    port: server.port,
    stats: () => context.stats.snapshot(scheduler.running, scheduler.waiting),
    configure(change) {
      context.live = { ...context.live, ...change };
    },
    async terminate() {
      log("Shutting down");
      const deadline = clock.elapsedMs() + options.shutdownTimeoutMs;
      context.state = options.shutdownTimeoutMs > 0 ? "draining" : "aborting";
      while (context.runs.size > 0 && clock.elapsedMs() < deadline) {
        await clock.sleep(millis(DRAIN_LOOK_MS));
      }
      scheduler.abortAll();
      await server?.refuse();
      // what was just written must reach its socket before the sockets are closed
      await clock.sleep(millis(DRAIN_LOOK_MS));
      await close();
      log("Application shutdown complete.");
    },
    close,
  };
}

function checkOptions(options: EngineOptions): void {
  if (options.servedModelNames.length === 0) {
    throw new RangeError("Cannot serve without a model name");
  }
  if (options.numGpuBlocks * BLOCK_TOKENS < options.maxModelLen) {
    throw new RangeError(
      `Cannot serve max-model-len ${options.maxModelLen} with ${options.numGpuBlocks} KV blocks: ` +
        `give at least ${Math.ceil(options.maxModelLen / BLOCK_TOKENS)}`,
    );
  }
  const problem = latencyProblem(options.latency);
  if (problem !== null) throw new RangeError(problem);
}

function logListening(context: Context, url: string, log: (line: string) => void): void {
  log("Supported tasks: ('generate',)");
  log(`Starting vLLM server on ${url}`);
  log("Available routes are:");
  for (const [path, methods] of routeTable(context)) {
    log(`Route: ${path}, Methods: ${[...methods.keys()].join(", ")}`);
  }
  log("INFO:     Started server process [1]");
  log("INFO:     Waiting for application startup.");
  log("INFO:     Application startup complete.");
}

const STATS_EVERY_MS = 10_000;

/** vLLM's line every ten seconds, while there is something to say. */
async function logStats(context: Context, log: (line: string) => void, signal: AbortSignal) {
  let before = { ...context.metrics.totals };
  let idle = true;
  while (!signal.aborted) {
    await context.clock.sleep(millis(STATS_EVERY_MS), signal);
    if (signal.aborted) return;
    const now = { ...context.metrics.totals };
    const { running, waiting, cache } = context.scheduler;
    const still = running + waiting === 0 && now.generation === before.generation;
    const rate = (a: number, b: number) => ((a - b) / (STATS_EVERY_MS / 1_000)).toFixed(1);
    const hits = now.cacheQueries === 0 ? 0 : now.cacheHits / now.cacheQueries;
    if (!still || !idle) {
      log(
        `Engine 000: Avg prompt throughput: ${rate(now.prompt, before.prompt)} tokens/s, ` +
          `Avg generation throughput: ${rate(now.generation, before.generation)} tokens/s, ` +
          `Running: ${running} reqs, Waiting: ${waiting} reqs, ` +
          `GPU KV cache usage: ${(cache.usage() * 100).toFixed(1)}%, ` +
          `Prefix cache hit rate: ${(hits * 100).toFixed(1)}%`,
      );
    }
    idle = still;
    before = now;
  }
}
