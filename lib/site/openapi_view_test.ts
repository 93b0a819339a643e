import assert from "node:assert/strict";
import { openApi } from "@/lib/gateway/openapi.ts";
import { endpointsOf, fieldRows, typeWords } from "./openapi_view.ts";

const api = openApi({
  name: "Test",
  version: "0",
  origin: "http://localhost:8000",
  demo: false,
  models: { chat: "m", embedding: "e" },
  limits: [],
});

Deno.test("typeWords() says a type in words, leaves null out, and names ranges", () => {
  assert.equal(typeWords(api, { type: ["string", "null"] }), "string");
  assert.equal(
    typeWords(api, { anyOf: [{ type: "integer", minimum: 1, maximum: 128 }, { type: "null" }] }),
    "integer, 1 to 128",
  );
  assert.equal(typeWords(api, { type: "integer", minimum: 0 }), "integer, 0 or more");
  assert.equal(typeWords(api, { type: "array", items: { type: "string" } }), "array of string");
  const ids = { type: "array", items: { type: "integer", minimum: 0 } };
  assert.equal(typeWords(api, { type: "array", items: ids }), "array of array of integer");
  assert.equal(typeWords(api, { enum: ["a", "b"] }), '"a" or "b"');
  assert.equal(typeWords(api, {}), "anything");
});

Deno.test("fieldRows() goes down into objects and lists, and follows references", () => {
  const rows = fieldRows(api, { $ref: "#/components/schemas/CreateChatCompletionRequest" });
  const names = rows.map(({ name }) => name);
  assert.ok(names.includes("messages[].role") && names.includes("stream_options.include_usage"));
  assert.equal(rows.find(({ name }) => name === "model")?.required, true);
  assert.equal(rows.find(({ name }) => name === "seed")?.required, false);
  assert.throws(() => fieldRows(api, { $ref: "#/components/schemas/Nope" }), /no such schema/);
});

Deno.test("endpointsOf() gives each operation a fragment of its own", () => {
  const endpoints = endpointsOf(api);
  assert.equal(new Set(endpoints.map(({ id }) => id)).size, endpoints.length);
  assert.ok(
    endpoints.every(({ id }) => /^[a-z0-9-]+$/.test(id)),
    endpoints.map(({ id }) => id).join(),
  );
  assert.equal(endpoints.find(({ path }) => path === "/v1/embeddings")?.stream, null);
});
