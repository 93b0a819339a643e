/** A JSON value that satisfies a JSON schema: what structured output and tool arguments are made of. */

import { assert } from "@/lib/kernel/assert.ts";
import type { Random } from "./random.ts";
import { sampleRegex } from "./regex_sample.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

const DEPTH_MAX = 12;
const WORDS = ["simulated", "sample", "placeholder", "synthetic", "example", "pretend"];
const FORMATS: Record<string, string> = {
  "date": "2026-01-15",
  "date-time": "2026-01-15T12:30:00Z",
  "time": "12:30:00Z",
  "duration": "PT15M",
  "email": "simulated@example.com",
  "hostname": "example.com",
  "ipv4": "192.0.2.1",
  "ipv6": "2001:db8::1",
  "uri": "https://example.com/simulated",
  "uuid": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
};

/** Whether a parsed JSON value is an object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * A value for `schema`: every property, the fewest items, numbers inside their bounds.
 * Schemas that contradict themselves, `not` and `if` are not honoured.
 * @throws RangeError for a `pattern` that cannot be drawn from.
 */
export function valueFor(schema: Json, random: Random): Json {
  return value(schema, { root: schema, random, depth: 0 });
}

type Context = { readonly root: Json; readonly random: Random; readonly depth: number };

function value(schema: Json, c: Context): Json {
  if (!isObject(schema)) return word(c);
  if (c.depth > DEPTH_MAX) return null;
  const deeper = { ...c, depth: c.depth + 1 };
  if (typeof schema.$ref === "string") return value(resolve(c.root, schema.$ref), deeper);
  if ("const" in schema) return schema.const ?? null;
  if (Array.isArray(schema.enum) && schema.enum.length > 0) return pick(c, schema.enum);
  if (Array.isArray(schema.allOf)) {
    return value(mergeAll(c.root, [{ ...schema, allOf: null }, ...schema.allOf]), deeper);
  }
  for (const key of ["anyOf", "oneOf"]) {
    const options = schema[key];
    if (Array.isArray(options) && options.length > 0) {
      return value(easiest(options, c.depth), deeper);
    }
  }
  switch (typeOf(schema)) {
    case "object":
      return object(schema, deeper);
    case "array":
      return array(schema, deeper);
    case "string":
      return string(schema, c);
    case "integer":
      return number(schema, c, true);
    case "number":
      return number(schema, c, false);
    case "boolean":
      return c.random() < 0.5;
    default:
      return null;
  }
}

function typeOf(schema: JsonObject): string {
  const type = Array.isArray(schema.type)
    ? schema.type.find((t) => t !== "null") ?? "null"
    : schema.type;
  if (typeof type === "string") return type;
  if (isObject(schema.properties)) return "object";
  if (schema.items !== undefined || schema.prefixItems !== undefined) return "array";
  if (schema.minimum !== undefined || schema.maximum !== undefined) return "number";
  return "string";
}

function object(schema: JsonObject, c: Context): Json {
  const out: JsonObject = {};
  const properties = isObject(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required : [];
  for (const [name, inner] of Object.entries(properties)) {
    // Optional parts stop early, so that a schema that contains itself comes to an end.
    if (c.depth > 3 && !required.includes(name)) continue;
    out[name] = value(inner, c);
  }
  for (const name of required) {
    if (typeof name !== "string" || name in out) continue;
    out[name] = value(isObject(schema.additionalProperties) ? schema.additionalProperties : {}, c);
  }
  const least = integer(schema.minProperties, 0);
  for (let i = 1; Object.keys(out).length < least; i++) out[`key${i}`] = value({}, c);
  return out;
}

function array(schema: JsonObject, c: Context): Json {
  const prefix = Array.isArray(schema.prefixItems) ? schema.prefixItems : [];
  const most = integer(schema.maxItems, Infinity);
  const wanted = Math.min(Math.max(integer(schema.minItems, c.depth > 3 ? 0 : 1), 0), most);
  const out = prefix.slice(0, most).map((inner) => value(inner, c));
  while (out.length < wanted) {
    const item = value(schema.items ?? {}, c);
    out.push(schema.uniqueItems === true ? distinct(item, out) : item);
  }
  return out;
}

function distinct(item: Json, taken: readonly Json[]): Json {
  const seen = new Set(taken.map((other) => JSON.stringify(other)));
  for (let i = 1; seen.has(JSON.stringify(item)) && i <= taken.length + 1; i++) {
    item = typeof item === "number" ? item + 1 : typeof item === "string" ? `${item}${i}` : item;
  }
  return item;
}

function string(schema: JsonObject, c: Context): string {
  if (typeof schema.pattern === "string") return sampleRegex(schema.pattern, c.random);
  const format = typeof schema.format === "string" ? FORMATS[schema.format] : undefined;
  if (format !== undefined) return format;
  let out = word(c);
  while (out.length < integer(schema.minLength, 0)) out += ` ${word(c)}`;
  return out.slice(0, integer(schema.maxLength, Infinity));
}

function number(schema: JsonObject, c: Context, whole: boolean): number {
  const step = typeof schema.multipleOf === "number" ? schema.multipleOf : whole ? 1 : 0.5;
  const above = typeof schema.exclusiveMinimum === "number" ? schema.exclusiveMinimum : null;
  const below = typeof schema.exclusiveMaximum === "number" ? schema.exclusiveMaximum : null;
  const high = typeof schema.maximum === "number" ? schema.maximum : below;
  let low = typeof schema.minimum === "number" ? schema.minimum : above;
  if (low === null) low = high === null ? 1 : high - 10 * step;
  let first = Math.ceil(low / step) * step;
  if (above !== null && first <= above) first += step;
  let steps = high === null ? 100 : Math.floor((high - first) / step);
  if (below !== null && first + steps * step >= below) steps--;
  if (steps < 0) return whole || below === null ? first : (low + below) / 2;
  return Number((first + Math.floor(c.random() * (Math.min(steps, 100) + 1)) * step).toFixed(9));
}

/** Prefers an option that is not null, and near the depth limit one without parts. */
function easiest(options: readonly Json[], depth: number): Json {
  const real = options.filter((option) => !(isObject(option) && option.type === "null"));
  if (depth > 6) {
    const flat = options.find((option) => isObject(option) && !option.$ref && !option.properties);
    if (flat !== undefined) return flat;
  }
  return real[0] ?? options[0] ?? null;
}

function mergeAll(root: Json, parts: readonly Json[]): Json {
  const out: JsonObject = {};
  const properties: JsonObject = {};
  const required: Json[] = [];
  for (const part of parts) {
    const resolved = isObject(part) && typeof part.$ref === "string"
      ? resolve(root, part.$ref)
      : part;
    if (!isObject(resolved)) continue;
    Object.assign(out, resolved);
    if (isObject(resolved.properties)) Object.assign(properties, resolved.properties);
    if (Array.isArray(resolved.required)) required.push(...resolved.required);
  }
  delete out.allOf;
  if (Object.keys(properties).length > 0) out.properties = properties;
  if (required.length > 0) out.required = [...new Set(required)];
  return out;
}

/** Follows a local reference such as `#/$defs/Point`. */
function resolve(root: Json, ref: string): Json {
  let at: Json = root;
  for (const part of ref.replace(/^#\/?/, "").split("/").filter((p) => p !== "")) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    at = isObject(at) ? at[key] ?? {} : {};
  }
  return at;
}

function pick<T>(c: Context, from: readonly T[]): T {
  const chosen = from[Math.floor(c.random() * from.length)];
  assert(chosen !== undefined, "a random number below 1 picks an item of a list that is not empty");
  return chosen;
}

function word(c: Context): string {
  return pick(c, WORDS);
}

function integer(given: Json | undefined, fallback: number): number {
  return typeof given === "number" ? given : fallback;
}
