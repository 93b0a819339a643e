/** What one running engine is made of; routes are given this and nothing else. */

import type { Clock } from "@/lib/kernel/clock.ts";
import type { Fault } from "./faults.ts";
import type { HttpRequest } from "./http/request.ts";
import type { Reply } from "./http/reply.ts";
import type { HttpMetrics } from "./http_metrics.ts";
import type { Metrics } from "./metrics.ts";
import type { EngineOptions, Live } from "./options.ts";
import type { Profile } from "./profile.ts";
import type { Run } from "./run.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Sleeper } from "./sleep.ts";
import type { Stats } from "./stats.ts";

export type EngineState = "serving" | "draining" | "aborting" | "dead";

export type Context = {
  readonly options: EngineOptions;
  readonly profile: Profile;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly metrics: Metrics;
  readonly httpMetrics: HttpMetrics;
  readonly stats: Stats;
  readonly sleeper: Sleeper;
  readonly fingerprint: string | null;
  /** Every answer that has begun and not ended. */
  readonly runs: Set<Run>;
  live: Live;
  state: EngineState;
  /** Requests being handled, for `GET /load`. */
  load: number;
  /** The engine process dies: what runs fails, then the server exits. */
  die(): void;
  /** Stops listening for a while. */
  refuse(ms: number): void;
};

/** One request on its way through the routes. */
export type Exchange = {
  readonly request: HttpRequest;
  readonly reply: Reply;
  readonly faults: readonly Fault[];
};

export type Route = (context: Context, exchange: Exchange) => void;

/** The one name every answer carries: the first served name, or the adapter's. */
export function shownModel(context: Context, asked: string | null): string {
  const adapter = context.options.loraModules.find((lora) => lora.name === asked);
  return adapter?.name ?? context.options.servedModelNames[0] ?? context.options.model;
}

/** Whether this server serves that name; no name is fine. */
export function servesModel(context: Context, asked: string | null): boolean {
  if (asked === null || asked === "") return true;
  return context.options.servedModelNames.includes(asked) ||
    context.options.loraModules.some((lora) => lora.name === asked);
}
