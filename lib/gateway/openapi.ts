/** The API described: OpenAPI 3.1 made from the schemas that validate, the table of errors, and this deployment's limits. */
import { z } from "zod";
import { ERROR_CONTRACT, type ErrorContractRow } from "./error_contract.ts";
import { INFERENCE_ROUTES, type InferenceRoute } from "./inference_routes.ts";
import { ANSWER_SCHEMAS } from "./openapi_answers.ts";
import {
  ANSWER_HEADERS,
  type AnswerHeader,
  type HeaderParameter,
  headersOfAnswer,
  headersOfError,
  REQUEST_HEADER_PARAMETERS,
} from "./openapi_headers.ts";
import { ROUTE_WORDS, type RoutePath, STREAMS, WAITING } from "./openapi_routes.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;
export type Reference = { readonly $ref: string };
type Media = { readonly schema: JsonSchema; readonly example?: unknown };
export type AnswerObject = {
  readonly description: string;
  readonly headers: Readonly<Record<string, Reference>>;
  readonly content: Readonly<Record<string, Media>>;
};
export type Operation = {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly parameters: readonly (Reference | JsonSchema)[];
  readonly requestBody?: {
    readonly required: true;
    readonly content: { readonly "application/json": Media };
  };
  readonly responses: Readonly<Record<string, AnswerObject | Reference>>;
};
export type Limit = { readonly name: string; readonly value: string; readonly beyond: string };

export type OpenApi = {
  readonly openapi: "3.1.0";
  readonly info: Readonly<Record<string, unknown>> & { readonly title: string };
  readonly servers: readonly { readonly url: string; readonly description: string }[];
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, { readonly post?: Operation; readonly get?: Operation }>>;
  readonly components: {
    readonly securitySchemes: Readonly<Record<string, JsonSchema>>;
    readonly parameters: Readonly<Record<string, HeaderParameter>>;
    readonly headers: Readonly<Record<string, AnswerHeader>>;
    readonly responses: Readonly<Record<string, AnswerObject>>;
    readonly schemas: Readonly<Record<string, JsonSchema>>;
  };
  /** What OpenAPI has no words for. */
  readonly "x-emberlane": {
    readonly errors: readonly ErrorContractRow[];
    readonly waiting: typeof WAITING;
    readonly limits: readonly Limit[];
  };
};

export type OpenApiOptions = {
  readonly name: string;
  readonly version: string;
  /** Without a path or a trailing slash. */
  readonly origin: string;
  readonly demo: boolean;
  /** Shown in the examples; a model of each kind. */
  readonly models: { readonly chat: string; readonly embedding: string };
  readonly limits: readonly Limit[];
};

/** Builds the document. Pure; made once at the start. */
export function openApi({ name, version, origin, demo, models, limits }: OpenApiOptions): OpenApi {
  return {
    openapi: "3.1.0",
    info: {
      title: `${name} API`,
      version,
      summary: "OpenAI's API in front of GPU machines that sleep.",
      description:
        "Routes and fields are OpenAI's (and Anthropic's for `/v1/messages`); fields that the gateway does not know pass through to the engine untouched. What is different: the machine behind a model may be asleep, so a request may have to wait for it.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{
      url: origin,
      description: demo ? "This demo deployment; its machines are simulated." : "This deployment.",
    }],
    security: [{ bearer: [] }, { apiKey: [] }],
    tags: [
      { name: "Inference", description: "Requests that a machine serves." },
      { name: "Models", description: "What can be asked for, and what state it is in." },
    ],
    paths: {
      ...Object.fromEntries(
        INFERENCE_ROUTES.map((route) => [route.path, { post: inference(route, models) }]),
      ),
      "/v1/models": { get: listModels() },
      "/v1/models/{id}": { get: getModel(models.chat) },
    },
    components: {
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "`Authorization: Bearer sk-ember-…`",
        },
        apiKey: {
          type: "apiKey",
          in: "header",
          name: "x-api-key",
          description: "As Anthropic's SDK sends it.",
        },
      },
      parameters: REQUEST_HEADER_PARAMETERS,
      headers: ANSWER_HEADERS,
      responses: { ...errorAnswers("Error"), ...errorAnswers("MessagesError") },
      schemas: {
        ...Object.fromEntries(
          INFERENCE_ROUTES.map((route) => [requestName(route), schemaOf(route.schema)]),
        ),
        ...Object.fromEntries(
          Object.entries(ANSWER_SCHEMAS).map(([key, schema]) => [key, schemaOf(schema)]),
        ),
        ModelList: {
          type: "object",
          properties: {
            object: { const: "list" },
            data: { type: "array", items: ref("schemas", "Model") },
          },
          required: ["object", "data"],
        },
      },
    },
    "x-emberlane": { errors: ERROR_CONTRACT, waiting: WAITING, limits },
  };
}

function inference(
  route: InferenceRoute & { path: RoutePath },
  models: OpenApiOptions["models"],
): Operation {
  const words = ROUTE_WORDS[route.path];
  const stream = STREAMS[route.stream];
  const model = route.stream === "none" ? models.embedding : models.chat;
  const error = route.surface === "anthropic" ? "MessagesError" : "Error";
  return {
    operationId: words.id,
    summary: route.about,
    ...(words.more === undefined ? {} : { description: words.more }),
    tags: ["Inference"],
    parameters: Object.keys(REQUEST_HEADER_PARAMETERS)
      .filter((name) => stream !== null || name !== "x-emberlane-wake")
      .map((name) => ref("parameters", name)),
    requestBody: {
      required: true,
      content: {
        "application/json": {
          schema: ref("schemas", requestName(route)),
          example: { model, ...words.example },
        },
      },
    },
    responses: {
      200: {
        description: stream === null
          ? "The answer."
          : "The answer, whole or as server-sent events.",
        headers: headerRefs([
          ...headersOfAnswer(true),
          ...(route.surface === "anthropic" ? ["request-id"] : []),
        ]),
        content: {
          "application/json": { schema: ref("schemas", words.answer) },
          ...(stream === null ? {} : {
            "text/event-stream": {
              schema: { type: "string", description: stream.about },
              example: stream.example,
            },
          }),
        },
      },
      ...errorRefs(error, sentStatuses()),
    },
  };
}

function listModels(): Operation {
  return {
    operationId: "listModels",
    summary: "List the models your key may use.",
    description:
      "Models whose machines are cold are listed too; `emberlane.state` and `emberlane.eta_s` say what a request would meet now.",
    tags: ["Models"],
    parameters: [ref("parameters", "x-request-id")],
    responses: modelAnswers("ModelList", []),
  };
}

function getModel(example: string): Operation {
  return {
    operationId: "getModel",
    summary: "Show one model.",
    tags: ["Models"],
    parameters: [
      {
        name: "id",
        in: "path",
        required: true,
        schema: { type: "string" },
        description:
          "A model id or alias. One that holds a slash may be written with or without %2F.",
        example,
      },
      ref("parameters", "x-request-id"),
    ],
    responses: modelAnswers("Model", [404]),
  };
}

function modelAnswers(name: string, more: readonly number[]): Operation["responses"] {
  return {
    200: {
      description: "The answer.",
      headers: headerRefs(headersOfAnswer(false)),
      content: { "application/json": { schema: ref("schemas", name) } },
    },
    ...errorRefs("Error", [401, ...more, 405, 431, 500, 503]),
  };
}

/** Every status a client may see. */
function sentStatuses(): number[] {
  return [
    ...new Set(ERROR_CONTRACT.filter((row) => row.retry !== "unsent").map((row) => row.status)),
  ];
}

function errorAnswers(schema: "Error" | "MessagesError"): Record<string, AnswerObject> {
  return Object.fromEntries(
    sentStatuses().map((status) => {
      const rows = ERROR_CONTRACT.filter((row) => row.status === status && row.retry !== "unsent");
      return [`${schema}${status}`, {
        description: rows.map(({ code, means }) => `\`${code}\`: ${means}`).join("\n\n"),
        headers: headerRefs([
          ...headersOfError(status),
          ...(schema === "MessagesError" ? ["request-id"] : []),
        ]),
        content: { "application/json": { schema: ref("schemas", schema) } },
      }];
    }),
  );
}

function errorRefs(schema: "Error" | "MessagesError", statuses: readonly number[]) {
  return Object.fromEntries(
    statuses.map((status) => [status, ref("responses", `${schema}${status}`)]),
  );
}

function headerRefs(names: readonly string[]): Record<string, Reference> {
  return Object.fromEntries(names.map((name) => [name, ref("headers", name)]));
}

function ref(kind: string, name: string): Reference {
  return { $ref: `#/components/${kind}/${name}` };
}

/** `createChatCompletion` takes a `CreateChatCompletionRequest`. */
function requestName({ path }: { path: RoutePath }): string {
  const { id } = ROUTE_WORDS[path];
  return `${id.charAt(0).toUpperCase()}${id.slice(1)}Request`;
}

/** JSON Schema 2020-12, the dialect of OpenAPI 3.1, as the sender sees it. */
function schemaOf(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io: "input",
    override({ jsonSchema }) {
      // What no JSON number exceeds anyway is no limit of ours.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  });
  return json;
}
