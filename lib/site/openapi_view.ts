/** The API's description as a page reads it: endpoints with their fields, in words a person reads. Pure. */
import type { JsonSchema, OpenApi, Operation } from "@/lib/gateway/openapi.ts";

export type FieldRow = {
  /** With its way down: `messages[].role`. */
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly about: string;
};

export type Endpoint = {
  /** The fragment that leads to it. */
  readonly id: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly summary: string;
  readonly description: string;
  readonly example: Readonly<Record<string, unknown>> | null;
  readonly fields: readonly FieldRow[];
  readonly answer: readonly FieldRow[];
  readonly stream: { readonly about: string; readonly example: string } | null;
  /** Statuses other than 200. */
  readonly errors: readonly number[];
};

/** Every operation, in the document's order. */
export function endpointsOf(api: OpenApi): Endpoint[] {
  return Object.entries(api.paths).flatMap(([path, { get, post }]) => [
    ...(post === undefined ? [] : [endpointOf(api, "POST", path, post)]),
    ...(get === undefined ? [] : [endpointOf(api, "GET", path, get)]),
  ]);
}

function endpointOf(
  api: OpenApi,
  method: Endpoint["method"],
  path: string,
  operation: Operation,
): Endpoint {
  const body = operation.requestBody?.content["application/json"];
  const answer = operation.responses["200"];
  const content = answer !== undefined && "content" in answer ? answer.content : {};
  const stream = content["text/event-stream"];
  const pathFields = operation.parameters.flatMap((parameter) =>
    "in" in parameter && parameter["in"] === "path"
      ? [{
        name: String(parameter["name"]),
        type: "in the path",
        required: true,
        about: String(parameter["description"] ?? ""),
      }]
      : []
  );
  return {
    id: `${method.toLowerCase()}${path.replace(/[/{}]+/g, "-").replace(/-$/, "")}`,
    method,
    path,
    summary: operation.summary,
    description: operation.description ?? "",
    example: isObject(body?.example) ? body.example : null,
    fields: body === undefined ? pathFields : fieldRows(api, body.schema),
    answer: fieldRows(api, content["application/json"]?.schema ?? {}),
    stream: stream === undefined
      ? null
      : { about: String(stream.schema["description"] ?? ""), example: String(stream.example) },
    errors: Object.keys(operation.responses).filter((status) => status !== "200").map(Number),
  };
}

/** The members of an object schema, with those of the objects inside. */
export function fieldRows(api: OpenApi, schema: JsonSchema, above = ""): FieldRow[] {
  const object = objectIn(resolved(api, schema));
  if (object === null) return [];
  const required = Array.isArray(object["required"]) ? object["required"] : [];
  return Object.entries(propertiesOf(object)).flatMap(([key, raw]) => {
    const member = resolved(api, raw);
    const name = `${above}${key}`;
    const items = arrayIn(member);
    return [
      {
        name,
        type: typeWords(api, member),
        required: required.includes(key),
        about: typeof member["description"] === "string" ? member["description"] : "",
      },
      ...(items === null
        ? fieldRows(api, member, `${name}.`)
        : fieldRows(api, resolved(api, items), `${name}[].`)),
    ];
  });
}

/** A schema in a few words: `integer, 1 to 128`, `string or array of string`. Null is left out: it means absent. */
export function typeWords(api: OpenApi, schema: JsonSchema): string {
  const own = resolved(api, schema);
  if ("const" in own) return JSON.stringify(own["const"]);
  if (Array.isArray(own["enum"])) {
    return own["enum"].map((value) => JSON.stringify(value)).join(" or ");
  }
  const choices = choicesOf(own);
  if (choices.length > 0) {
    return [...new Set(choices.map((choice) => typeWords(api, choice)))].filter((words) =>
      words !== "null"
    ).join(" or ");
  }
  if (own["type"] === "null") return "null";
  const types = [own["type"]].flat().filter((type) => type !== "null");
  const [type] = types;
  switch (type) {
    case "array":
      return `array of ${
        isObject(own["items"]) ? kindOf(typeWords(api, own["items"])) : "anything"
      }`;
    case "integer":
    case "number":
      return withRange(String(type), own["minimum"], own["maximum"]);
    case undefined:
      return "anything";
    default:
      return types.join(" or ");
  }
}

/** Without its range, which would read as the list's. */
function kindOf(words: string): string {
  return words.split(",", 1)[0] ?? words;
}

function withRange(type: string, least: unknown, most: unknown): string {
  if (typeof least === "number" && typeof most === "number") return `${type}, ${least} to ${most}`;
  if (typeof least === "number") {
    return least === 0 ? `${type}, 0 or more` : `${type}, from ${least}`;
  }
  return type;
}

function resolved(api: OpenApi, schema: JsonSchema): JsonSchema {
  const reference = schema["$ref"];
  if (typeof reference !== "string") return schema;
  const found = api.components.schemas[reference.split("/").at(-1) ?? ""];
  if (found === undefined) throw new Error(`Cannot resolve ${reference}: no such schema`);
  return found;
}

function choicesOf(schema: JsonSchema): JsonSchema[] {
  return Array.isArray(schema["anyOf"]) ? schema["anyOf"].filter(isObject) : [];
}

function objectIn(schema: JsonSchema): JsonSchema | null {
  if (isObject(schema["properties"])) return schema;
  return choicesOf(schema).find((choice) => isObject(choice["properties"])) ?? null;
}

function arrayIn(schema: JsonSchema): JsonSchema | null {
  const array = [schema, ...choicesOf(schema)].find((choice) => isObject(choice["items"]));
  return array !== undefined && isObject(array["items"]) ? array["items"] : null;
}

function propertiesOf(object: JsonSchema): Record<string, JsonSchema> {
  const properties = object["properties"];
  if (!isObject(properties)) return {};
  return Object.fromEntries(
    Object.entries(properties).flatMap(([key, value]) => isObject(value) ? [[key, value]] : []),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
