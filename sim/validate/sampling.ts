/** The generation parameters all APIs share: which fields they are, which values they take, what they come to. */

import type { JsonObject } from "../json_value.ts";
import type { Profile } from "../profile.ts";
import { floatText } from "../python/json.ts";
import { type ApiError, badRequest } from "../wire/errors.ts";
import { type Field, ownBadRequest } from "./body.ts";

export const SAMPLING_FIELDS: readonly Field[] = [
  { name: "model", type: "string" },
  { name: "frequency_penalty", type: "number" },
  { name: "n", type: "integer" },
  { name: "presence_penalty", type: "number" },
  { name: "seed", type: "integer" },
  { name: "stream", type: "boolean" },
  { name: "stream_options", type: "object" },
  { name: "temperature", type: "number" },
  { name: "top_p", type: "number" },
  { name: "top_k", type: "integer" },
  { name: "min_p", type: "number" },
  { name: "repetition_penalty", type: "number" },
  { name: "ignore_eos", type: "boolean" },
  { name: "min_tokens", type: "integer" },
  { name: "include_stop_str_in_output", type: "boolean" },
  { name: "cache_salt", type: "string" },
  { name: "priority", type: "integer" },
  { name: "stream_interval", type: "integer", least: 1 },
  { name: "kv_transfer_params", type: "object" },
  { name: "user", type: "string" },
];

const STOPS_MAX = 4;
const CHOICES_MAX = 16_384;

export type Sampling = {
  readonly n: number;
  /** As given; null when it is not. */
  readonly maxTokens: number | null;
  readonly minTokens: number;
  readonly ignoreEos: boolean;
  readonly stop: readonly string[];
  readonly includeStop: boolean;
  readonly seed: number | null;
  readonly priority: number;
  readonly cacheSalt: string;
  readonly streamInterval: number;
  readonly remotePrefill: boolean;
};

/** Reads the parameters. The fields must have been checked. */
export function readSampling(body: JsonObject, maxTokens: number | null): Sampling {
  const kv = body.kv_transfer_params;
  const remote = typeof kv === "object" && kv !== null && !Array.isArray(kv) &&
    kv.do_remote_prefill === true;
  return {
    n: numberOf(body.n) ?? 1,
    maxTokens,
    minTokens: numberOf(body.min_tokens) ?? 0,
    ignoreEos: body.ignore_eos === true,
    stop: stopsOf(body),
    includeStop: body.include_stop_str_in_output === true,
    seed: numberOf(body.seed),
    priority: numberOf(body.priority) ?? 0,
    cacheSalt: textOf(body.cache_salt) ?? "",
    streamInterval: numberOf(body.stream_interval) ?? 1,
    remotePrefill: remote,
  };
}

/** The checks of `SamplingParams`, in its order. */
export function samplingError(profile: Profile, body: JsonObject, s: Sampling): ApiError | null {
  const say = (message: string, parameter: string, value: number): ApiError =>
    profile.name === "v0.10"
      ? badRequest(message)
      : ownBadRequest({ message, parameter, value: floatText(value) });
  const outside = (name: string, low: number, high: number) => {
    const value = numberOf(body[name]);
    return value !== null && !(value >= low && value <= high) ? value : null;
  };
  if (s.n < 1) return badRequest(`n must be at least 1, got ${s.n}.`);
  if (s.n > CHOICES_MAX) return badRequest(`n must be at most ${CHOICES_MAX}, got ${s.n}.`);
  for (const name of ["presence_penalty", "frequency_penalty"]) {
    const value = outside(name, -2, 2);
    if (value !== null) return badRequest(`${name} must be in [-2, 2], got ${floatText(value)}.`);
  }
  const repetition = numberOf(body.repetition_penalty);
  if (repetition !== null && repetition <= 0) {
    return badRequest(
      `repetition_penalty must be greater than zero, got ${floatText(repetition)}.`,
    );
  }
  const temperature = numberOf(body.temperature);
  if (temperature !== null && temperature < 0) {
    const message = `temperature must be non-negative, got ${floatText(temperature)}.`;
    return say(message, "temperature", temperature);
  }
  if (temperature !== null && temperature > 2 && profile.temperatureCapped) {
    const message = `temperature must be in [0, 2], got ${floatText(temperature)}.`;
    return say(message, "temperature", temperature);
  }
  const topP = numberOf(body.top_p);
  if (topP !== null && !(topP > 0 && topP <= 1)) {
    return say(`top_p must be in (0, 1], got ${floatText(topP)}.`, "top_p", topP);
  }
  const topK = numberOf(body.top_k);
  if (topK !== null && topK < -1) {
    return badRequest(`top_k must be 0 (disable), or at least 1, got ${topK}.`);
  }
  const minP = outside("min_p", 0, 1);
  if (minP !== null) return badRequest(`min_p must be in [0, 1], got ${floatText(minP)}.`);
  if (s.maxTokens !== null && s.maxTokens < 1) {
    const message = `max_tokens must be at least 1, got ${s.maxTokens}.`;
    return profile.name === "v0.10"
      ? badRequest(message)
      : ownBadRequest({ message, parameter: "max_tokens", value: String(s.maxTokens) });
  }
  if (s.minTokens < 0) {
    return badRequest(`min_tokens must be greater than or equal to 0, got ${s.minTokens}.`);
  }
  if (s.maxTokens !== null && s.minTokens > s.maxTokens) {
    return badRequest(
      `min_tokens must be less than or equal to max_tokens=${s.maxTokens}, got ${s.minTokens}.`,
    );
  }
  if (s.stop.length > STOPS_MAX && profile.name === "main") {
    return badRequest(`stop must have at most ${STOPS_MAX} strings, got ${s.stop.length}.`);
  }
  if (s.stop.some((stop) => stop === "")) return badRequest("stop cannot contain an empty string.");
  if (temperature === 0 && s.n > 1) {
    return badRequest(`n must be 1 when using greedy sampling, got ${s.n}.`);
  }
  return null;
}

/** A checked number, which pydantic also takes as text. */
export function numberOf(value: unknown): number | null {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "string" && value.trim() !== "" ? Number(value) : null;
}

/** A checked text. */
export function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function stopsOf(body: JsonObject): string[] {
  const { stop } = body;
  if (typeof stop === "string") return [stop];
  return Array.isArray(stop) ? stop.filter((s) => typeof s === "string") : [];
}
