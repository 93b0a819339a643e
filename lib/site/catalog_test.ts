import assert from "node:assert/strict";
import {
  type CatalogModel,
  catalogModel,
  catalogQuery,
  catalogSearch,
  filterCatalog,
  kindsOf,
  SEARCH_CHARS_MAX,
} from "./catalog.ts";

function model(over: Partial<CatalogModel>): CatalogModel {
  return {
    id: "ember-chat",
    name: "Ember Chat",
    vendor: "Emberlane",
    kind: "chat",
    description: "",
    contextTokens: 8_192,
    aliases: [],
    state: "Cold",
    etaS: null,
    prices: [],
    ...over,
  };
}

const MODELS = [
  model({ aliases: ["demo"] }),
  model({ id: "acme/coder-7b", name: "Coder 7B", vendor: "Acme", kind: "code" }),
  model({ id: "vectors", name: "Vectors", vendor: "Acme", kind: "embedding" }),
];
const found = (kind: string, q: string) => filterCatalog(MODELS, { kind, q }).map(({ id }) => id);

Deno.test("filterCatalog() finds by name, vendor, type, id and alias, in any case, and wants every word", () => {
  assert.deepEqual(found("", ""), ["ember-chat", "acme/coder-7b", "vectors"]);
  assert.deepEqual(found("", "ACME"), ["acme/coder-7b", "vectors"]);
  assert.deepEqual(found("", "acme embed"), ["vectors"]);
  assert.deepEqual(found("", "demo"), ["ember-chat"]);
  assert.deepEqual(found("", "  7b "), ["acme/coder-7b"]);
  assert.deepEqual(found("code", "ember"), []);
  assert.deepEqual(found("code", ""), ["acme/coder-7b"]);
});

Deno.test("filterCatalog() takes a word as it is: it does not reach over from one member to the next", () => {
  assert.deepEqual(found("", "chatember"), []);
  assert.deepEqual(found("", ".*"), []);
});

Deno.test("catalogQuery() reads anything, and catalogSearch() writes only what narrows", () => {
  const query = (text: string) => catalogQuery(new URLSearchParams(text), ["chat", "code"]);
  assert.deepEqual(query("kind=nonsense&q=a"), { kind: "", q: "a" });
  assert.deepEqual(query("kind=code"), { kind: "code", q: "" });
  assert.equal(query(`q=${"x".repeat(5_000)}`).q.length, SEARCH_CHARS_MAX);
  assert.equal(catalogSearch({ kind: "code", q: "a b" }), "?kind=code&q=a+b");
  assert.equal(catalogSearch({ kind: "", q: " " }), "");
});

Deno.test("kindsOf() names each kind once", () => {
  assert.deepEqual(kindsOf([...MODELS, ...MODELS]), ["chat", "code", "embedding"]);
});

Deno.test("catalogModel() shows each band that serves the model once", () => {
  const tier = { name: "a", state: "Cold", eta_s: null } as const;
  const shown = catalogModel({
    id: "m",
    name: "M",
    vendor: "V",
    kind: "chat",
    description: "d",
    context_tokens: 5,
    aliases: ["n"],
    prices: {},
  }, {
    id: "m",
    object: "model",
    created: 0,
    owned_by: "V",
    emberlane: {
      name: "M",
      kind: "chat",
      context_tokens: 5,
      aliases: ["n"],
      state: "Active",
      eta_s: 0,
      tiers: [
        { ...tier, band: "spot", price_usd_per_mtok: { input: "0.10", output: "0.40" } },
        { ...tier, band: "spot", price_usd_per_mtok: { input: "0.10", output: "0.40" } },
        { ...tier, band: "standard", price_usd_per_mtok: null },
      ],
    },
  });
  assert.deepEqual(shown.prices, [
    { band: "spot", price: { input: "0.10", output: "0.40" } },
    { band: "standard", price: null },
  ]);
  assert.equal(shown.state, "Active");
});
