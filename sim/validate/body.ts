/** Turns request bytes into a checked JSON object, or into the error FastAPI and pydantic would give. */

import { Buffer } from "node:buffer";
import type { HttpRequest } from "../http/request.ts";
import { isObject, type Json, type JsonObject } from "../json_value.ts";
import type { Profile } from "../profile.ts";
import { loads, type PyValue, repr } from "../python/json.ts";
import { jsonError } from "../python/json_error.ts";
import type { ApiError } from "../wire/errors.ts";

export type FieldType = "string" | "integer" | "number" | "boolean" | "list" | "object" | "any";
export type Field = {
  readonly name: string;
  readonly type: FieldType;
  readonly required?: boolean;
  /** Null is an answer too, unless the field is required. */
  readonly least?: number;
};

/** A problem vLLM's own validators find before pydantic looks at the fields. */
export type OwnProblem = {
  readonly message: string;
  readonly parameter: string | null;
  readonly value?: string;
};

export type Checked = { ok: true; body: JsonObject } | { ok: false; error: ApiError };

type PyError = {
  type: string;
  loc: (string | number)[];
  msg: string;
  input: PyValue;
  ctx?: string;
};

/**
 * Reads and checks a body: content type, JSON, vLLM's own rules (`own`), then the fields.
 * Types follow pydantic's lax mode: numbers may come as text.
 */
export function checkBody(
  profile: Profile,
  request: HttpRequest,
  fields: readonly Field[],
  own: (body: JsonObject) => OwnProblem | null = () => null,
): Checked {
  const type = (request.headers.get("content-type") ?? "").toLowerCase().split(";")[0]?.trim();
  if (type !== "application/json") {
    const message = "Unsupported Media Type: Only 'application/json' is allowed";
    return refuse(`1 validation error:\n  ${message}`, null);
  }
  const text = Buffer.from(request.body).toString("utf8");
  if (text === "") {
    return pydantic([{ type: "missing", loc: ["body"], msg: "Field required", input: null }]);
  }
  const body = parse(text);
  if (body === undefined) {
    const problem = jsonError(text) ?? { message: "Expecting value", position: 0 };
    return pydantic([{
      type: "json_invalid",
      loc: ["body", problem.position],
      msg: "JSON decode error",
      input: {},
      ctx: `{'error': ${repr(problem.message)}}`,
    }]);
  }
  if (!isObject(body)) {
    return pydantic([{
      type: "model_attributes_type",
      loc: ["body"],
      msg: "Input should be a valid dictionary or object to extract fields from",
      input: loads(text),
    }]);
  }
  const problem = own(body);
  if (problem !== null) return ownError(profile, problem, text);
  const errors = fields.flatMap((field) => fieldError(field, body, text) ?? []);
  return errors.length > 0 ? pydantic(errors) : { ok: true, body };
}

/** The body of an {@link OwnProblem}: typed since 2026-07, wrapped by pydantic before. */
function ownError(profile: Profile, problem: OwnProblem, text: string): Checked {
  if (profile.ownValidationErrors) {
    return { ok: false, error: ownBadRequest(problem) };
  }
  const quoted = repr(problem.message);
  return refuse(
    `1 validation error:\n  {'type': 'value_error', 'loc': ('body',), 'msg': ` +
      `${repr(`Value error, ${problem.message}`)}, 'input': ${repr(loads(text))}, ` +
      `'ctx': {'error': ValueError(${quoted})}}`,
    problem.parameter,
  );
}

/** `VLLMValidationError` on the wire: the parameter is told twice. */
export function ownBadRequest(problem: OwnProblem): ApiError {
  const value = problem.value === undefined ? "" : `, value=${problem.value}`;
  const suffix = problem.parameter === null ? "" : ` (parameter=${problem.parameter}${value})`;
  return {
    status: 400,
    message: problem.message + suffix,
    type: "BadRequestError",
    param: problem.parameter,
  };
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refuse(message: string, param: string | null): Checked {
  return { ok: false, error: { status: 400, message, type: "Bad Request", param } };
}

/** Several errors in one message, each a Python dict. */
function pydantic(errors: readonly PyError[]): Checked {
  const lines = errors.map((e) => {
    const loc = e.loc.map((part) => repr(part)).join(", ") + (e.loc.length === 1 ? "," : "");
    const ctx = e.ctx === undefined ? "" : `, 'ctx': ${e.ctx}`;
    return `  {'type': ${repr(e.type)}, 'loc': (${loc}), 'msg': ${repr(e.msg)}, ` +
      `'input': ${repr(e.input)}${ctx}}`;
  });
  const plural = errors.length === 1 ? "" : "s";
  const message = `${errors.length} validation error${plural}:\n${lines.join("\n")}`;
  return refuse(message, errors[0]?.loc.join(".") ?? null);
}

function fieldError(field: Field, body: JsonObject, text: string): PyError | null {
  const value = body[field.name];
  const loc = ["body", field.name];
  if (value === undefined || (value === null && !field.required)) {
    if (value === null || !field.required) return null;
    return { type: "missing", loc, msg: "Field required", input: loads(text) };
  }
  const found = typeProblem(field.type, value);
  if (found !== null) {
    const whole = loads(text);
    const input = isPyObject(whole) ? whole[field.name] ?? null : null;
    return { ...found, loc, input };
  }
  if (field.least !== undefined && Number(value) < field.least) {
    return {
      type: "greater_than_equal",
      loc,
      msg: `Input should be greater than or equal to ${field.least}`,
      input: Number(value),
      ctx: `{'ge': ${field.least}}`,
    };
  }
  return null;
}

function isPyObject(value: PyValue): value is { [k: string]: PyValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function typeProblem(type: FieldType, value: Json): { type: string; msg: string } | null {
  switch (type) {
    case "any":
      return null;
    case "string":
      return typeof value === "string" ? null : should("string_type", "string");
    case "list":
      return Array.isArray(value) ? null : should("list_type", "list");
    case "object":
      return isObject(value) ? null : should("dict_type", "dictionary");
    case "boolean":
      if (typeof value === "boolean" || value === 0 || value === 1) return null;
      if (typeof value !== "string") return should("bool_type", "boolean");
      return /^(?:true|false|yes|no|on|off|t|f|y|n|0|1)$/i.test(value)
        ? null
        : unable("bool_parsing", "boolean", "interpret input");
    case "number":
      if (typeof value === "number" || typeof value === "boolean") return null;
      if (typeof value !== "string") return should("float_type", "number");
      return isNumeric(value)
        ? null
        : unable("float_parsing", "number", "parse string as a number");
    case "integer":
      if (typeof value === "boolean") return null;
      if (typeof value === "number") {
        return Number.isInteger(value) ? null : {
          type: "int_from_float",
          msg: "Input should be a valid integer, got a number with a fractional part",
        };
      }
      if (typeof value !== "string") return should("int_type", "integer");
      return /^\s*[-+]?\d+(?:\.0+)?\s*$/.test(value)
        ? null
        : unable("int_parsing", "integer", "parse string as an integer");
  }
}

function should(type: string, name: string): { type: string; msg: string } {
  return { type, msg: `Input should be a valid ${name}` };
}

function unable(type: string, name: string, what: string): { type: string; msg: string } {
  return { type, msg: `Input should be a valid ${name}, unable to ${what}` };
}

function isNumeric(text: string): boolean {
  return text.trim() !== "" && !Number.isNaN(Number(text));
}
