/** The simulator's own routes, which vLLM has not: what it did, and how it shall behave from now on. */

import { Buffer } from "node:buffer";
import type { Context, Exchange } from "../context.ts";
import { type FaultRule, parseFaults } from "../faults.ts";
import { isObject, type Json } from "../json_value.ts";
import type { Live } from "../options.ts";
import type { Latency } from "../latency.ts";

/** `GET /admin/stats`. */
export function stats(context: Context, { reply }: Exchange): void {
  const { running, waiting } = context.scheduler;
  reply.send(200, JSON.stringify(context.stats.snapshot(running, waiting)));
}

/** `GET /admin/config`. */
export function readConfig(context: Context, { reply }: Exchange): void {
  reply.send(200, JSON.stringify(shown(context.live)));
}

/** `POST /admin/config`: changes only what it names, all of it or nothing. */
export function writeConfig(context: Context, { request, reply }: Exchange): void {
  let body: Json;
  try {
    body = JSON.parse(Buffer.from(request.body).toString("utf8"));
  } catch {
    return reply.send(400, JSON.stringify({ error: "Cannot read the body: send a JSON object" }));
  }
  const change = readChange(context.live, body);
  if (typeof change === "string") return reply.send(400, JSON.stringify({ error: change }));
  context.live = change.live;
  reply.send(200, JSON.stringify(shown(change.live)));
  if (change.refuseMs > 0) context.refuse(change.refuseMs);
  if (change.die) context.die();
}

type Change = { live: Live; refuseMs: number; die: boolean };

/** Names in the config and in {@link Latency}. */
const LATENCY_NAMES: Record<string, keyof Latency> = {
  "time-to-first-token": "timeToFirstTokenMs",
  "time-to-first-token-std-dev": "timeToFirstTokenStdDevMs",
  "inter-token-latency": "interTokenLatencyMs",
  "inter-token-latency-std-dev": "interTokenLatencyStdDevMs",
  "prefill-overhead": "prefillOverheadMs",
  "prefill-time-per-token": "prefillTimePerTokenMs",
  "prefill-time-std-dev": "prefillTimeStdDevMs",
  "kv-cache-transfer-latency": "kvCacheTransferLatencyMs",
  "kv-cache-transfer-latency-std-dev": "kvCacheTransferLatencyStdDevMs",
  "kv-cache-transfer-time-per-token": "kvCacheTransferTimePerTokenMs",
  "kv-cache-transfer-time-std-dev": "kvCacheTransferTimeStdDevMs",
  "time-factor-under-load": "timeFactorUnderLoad",
};

/** The new configuration, or why the change cannot be made. */
export function readChange(live: Live, body: Json): Change | string {
  if (!isObject(body)) return "Cannot read the body: send a JSON object";
  let { maxNumSeqs, mode, seed, faults } = live;
  const latency: Record<string, number> = { ...live.latency };
  let refuseMs = 0;
  let die = false;
  for (const [name, value] of Object.entries(body)) {
    const latencyName = LATENCY_NAMES[name];
    if (latencyName !== undefined) {
      const least = name === "time-factor-under-load" ? 1 : 0;
      if (typeof value !== "number" || value < least) {
        return `Cannot set ${name}: give a number of at least ${least}`;
      }
      latency[latencyName] = value;
    } else if (name === "faults") {
      const read = readFaults(value);
      if (typeof read === "string") return read;
      faults = read;
    } else if (name === "max-num-seqs" && isWhole(value, 1)) maxNumSeqs = value;
    else if (name === "seed" && isWhole(value, 0)) seed = value;
    else if (name === "mode" && (value === "random" || value === "echo")) mode = value;
    else if (name === "refuse-ms" && isWhole(value, 1)) refuseMs = value;
    else if (name === "die" && value === true) die = true;
    else return `Cannot set ${name} to ${JSON.stringify(value)}`;
  }
  const next = {
    ...live,
    maxNumSeqs,
    mode,
    seed,
    faults,
    latency: { ...live.latency, ...latency },
  };
  const problem = latencyProblem(next.latency);
  return problem ?? { live: next, refuseMs, die };
}

/** Why a latency cannot be used; null when it can. Source: llm-d-inference-sim's own check. */
export function latencyProblem(l: Latency): string | null {
  const pairs: [string, number, number][] = [
    ["time-to-first-token", l.timeToFirstTokenMs, l.timeToFirstTokenStdDevMs],
    ["inter-token-latency", l.interTokenLatencyMs, l.interTokenLatencyStdDevMs],
    ["kv-cache-transfer-latency", l.kvCacheTransferLatencyMs, l.kvCacheTransferLatencyStdDevMs],
  ];
  for (const [name, mean, deviation] of pairs) {
    if (deviation > mean * 0.3) {
      return `Cannot use ${name}-std-dev: it may be at most 30 % of ${name}`;
    }
  }
  return null;
}

function readFaults(value: Json): FaultRule[] | string {
  if (!Array.isArray(value)) return "Cannot set faults: give a list of texts";
  try {
    return value.flatMap((text) => parseFaults(typeof text === "string" ? text : ""));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function isWhole(value: Json, least: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= least;
}

function shown(live: Live): Record<string, Json> {
  const out: Record<string, Json> = {};
  for (const [name, key] of Object.entries(LATENCY_NAMES)) out[name] = live.latency[key];
  return {
    ...out,
    "max-num-seqs": live.maxNumSeqs,
    "mode": live.mode,
    "seed": live.seed,
    "faults": live.faults.map((rule) => rule.text),
  };
}
