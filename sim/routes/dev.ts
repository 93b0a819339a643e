/** The development routes of `VLLM_SERVER_DEV_MODE=1`: sleep, wake-up and reloading of weights. */

import { Buffer } from "node:buffer";
import type { Context, Exchange } from "../context.ts";
import { isObject } from "../json_value.ts";
import type { PauseMode } from "../scheduler.ts";
import { errorBody } from "../wire/errors.ts";

const MODES: readonly PauseMode[] = ["abort", "wait", "keep"];

export function sleep(context: Context, exchange: Exchange): void {
  const { query } = exchange.request;
  const level = Number(query.get("level") ?? "1");
  const mode = MODES.find((known) => known === (query.get("mode") ?? "abort"));
  if (![0, 1, 2].includes(level) || mode === undefined) {
    return refuse(context, exchange, "level must be 0, 1 or 2, and mode abort, wait or keep");
  }
  // without --enable-sleep-mode the routes exist, but have no effect
  if (!context.options.sleepMode) return done(exchange);
  context.sleeper.sleep(level, mode).then(() => done(exchange));
}

export function wakeUp(context: Context, exchange: Exchange): void {
  const tags = exchange.request.query.getAll("tags");
  if (!context.options.sleepMode) return done(exchange);
  context.sleeper.wake(tags).then(() => done(exchange));
}

export function isSleeping(context: Context, { reply }: Exchange): void {
  reply.send(200, JSON.stringify({ is_sleeping: context.sleeper.sleeping }));
}

/** `{"method":"reload_weights"}` is the one call the simulator knows. */
export function collectiveRpc(context: Context, exchange: Exchange): void {
  let body: unknown;
  try {
    body = JSON.parse(Buffer.from(exchange.request.body).toString("utf8"));
  } catch {
    return refuse(context, exchange, "Cannot read the body: send a JSON object");
  }
  if (!isObject(body) || typeof body.method !== "string") {
    return refuse(context, exchange, "Missing 'method' in request body");
  }
  if (body.method !== "reload_weights") {
    return refuse(context, exchange, `The simulator knows only reload_weights, not ${body.method}`);
  }
  context.sleeper.reloadWeights().then(() => exchange.reply.send(200, `{"results":[null]}`));
}

export function resetPrefixCache(context: Context, { reply }: Exchange): void {
  const held = context.scheduler.running > 0;
  if (!held) context.scheduler.cache.forget();
  reply.send(200, JSON.stringify({ success: !held }));
}

function done({ reply }: Exchange): void {
  reply.send(200, "", null);
}

function refuse(context: Context, { reply }: Exchange, message: string): void {
  reply.send(
    400,
    errorBody(context.profile, { status: 400, message, type: "Bad Request", param: null }),
  );
}
