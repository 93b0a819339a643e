import assert from "node:assert/strict";
import { Validator } from "@seriousme/openapi-schema-validator";
import { ERROR_TABLE } from "@/lib/kernel/errors.ts";
import { INFERENCE_ROUTES } from "./inference_routes.ts";
import { openApi } from "./openapi.ts";
import { ANSWER_SCHEMAS, type AnswerName } from "./openapi_answers.ts";
import { ANSWER_HEADERS, REQUEST_HEADERS } from "./openapi_headers.ts";
import { ROUTE_WORDS } from "./openapi_routes.ts";

const ROOT = new URL("../../", import.meta.url);
const api = openApi({
  name: "Test",
  version: "0.0.0",
  origin: "http://localhost:8000",
  demo: true,
  models: { chat: "m", embedding: "e" },
  limits: [],
});

Deno.test("openApi() is a valid OpenAPI 3.1 document whose references all resolve", async () => {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(structuredClone(api));
  assert.equal(valid, true, JSON.stringify(errors));
  assert.equal(validator.version, "3.1");
  for (
    const [, kind = "", name = ""] of JSON.stringify(api).matchAll(
      /#\/components\/(\w+)\/([^"]+)"/g,
    )
  ) {
    const found = Reflect.get(Reflect.get(api.components, kind) ?? {}, name);
    assert.notEqual(found, undefined, `${kind}/${name}`);
  }
});

Deno.test("openApi() that is broken is seen by the validator", async () => {
  const { valid } = await new Validator().validate({ ...structuredClone(api), paths: { bad: 1 } });
  assert.equal(valid, false);
});

Deno.test("openApi() names every route and every error code with its status and type", () => {
  for (const { path } of INFERENCE_ROUTES) assert.ok(api.paths[path]?.post, path);
  assert.ok(api.paths["/v1/models"]?.get && api.paths["/v1/models/{id}"]?.get);
  const told = new Map(api["x-emberlane"].errors.map((row) => [row.code, row]));
  for (const [code, { status, type }] of Object.entries(ERROR_TABLE)) {
    const row = told.get(code as keyof typeof ERROR_TABLE);
    assert.equal(row?.status, status, code);
    assert.equal(row?.type, type, code);
    const answer = api.components.responses[`Error${status}`];
    if (row?.retry === "unsent") assert.equal(answer, undefined, code);
    else assert.match(answer?.description ?? "", new RegExp(`\`${code}\``), code);
  }
});

Deno.test("openApi() names every header that the gateway reads or writes", async () => {
  const known = new Set(
    [...Object.keys(REQUEST_HEADERS), ...Object.keys(ANSWER_HEADERS)].map((name) =>
      name.toLowerCase()
    ),
  );
  // HTTP's own, and the second spelling that its description names.
  const plain = [
    "authorization",
    "x-api-key",
    "content-type",
    "content-length",
    "x-podvirt-session-id",
  ];
  const found = new Set<string>();
  for (const folder of ["lib/gateway/", "lib/accounts/"]) {
    for await (const { name } of Deno.readDir(new URL(folder, ROOT))) {
      // What goes to and comes from the engine is another matter.
      if (/_test|_testing|openapi|attempt|upstream/.test(name) || !name.endsWith(".ts")) continue;
      const text = await Deno.readTextFile(new URL(folder + name, ROOT));
      for (const [, header = ""] of text.matchAll(/[hH]eaders\.(?:get|set|has)\("([^"]+)"/g)) {
        found.add(header);
      }
    }
  }
  assert.ok(found.size > 15, `only ${[...found]}`);
  const missing = [...found].filter((name) => !known.has(name) && !plain.includes(name));
  assert.deepEqual(missing, []);
  assert.match(REQUEST_HEADERS["x-session-id"].description, /x-podvirt-session-id/);
});

Deno.test("openApi() gives examples that their own routes accept", () => {
  for (const route of INFERENCE_ROUTES) {
    const example = api.paths[route.path]?.post?.requestBody?.content["application/json"].example;
    assert.equal(route.schema.safeParse(example).success, true, route.path);
  }
});

Deno.test("ANSWER_SCHEMAS hold for the answers that were recorded of vLLM's protocol", async () => {
  const recorded: [string, keyof typeof ROUTE_WORDS][] = [
    ["chat", "/v1/chat/completions"],
    ["chat-tools", "/v1/chat/completions"],
    ["completions", "/v1/completions"],
    ["responses", "/v1/responses"],
    ["messages", "/v1/messages"],
    ["embeddings", "/v1/embeddings"],
    ["embeddings-base64", "/v1/embeddings"],
    ["rerank", "/v1/rerank"],
  ];
  for (const [name, path] of recorded) {
    const file = new URL(`tests/recordings/v0.16/${name}.whole.txt`, ROOT);
    const text = await Deno.readTextFile(file);
    const answer: AnswerName = ROUTE_WORDS[path].answer;
    const parsed = ANSWER_SCHEMAS[answer].safeParse(JSON.parse(text.slice(text.indexOf("\n\n"))));
    assert.equal(parsed.success, true, `${name}: ${parsed.error}`);
  }
});
