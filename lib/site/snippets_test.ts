import assert from "node:assert/strict";
import { MODEL_KINDS } from "@/lib/kernel/fleet_file.ts";
import { INFERENCE_ROUTES } from "@/lib/gateway/inference_routes.ts";
import { type Snippet, snippetsOf } from "./snippets.ts";

const ORIGIN = "https://gateway.test";
const text = ({ lines }: Snippet) => lines.map((line) => line.text).join("\n");

Deno.test("snippetsOf() names the model, our address and the key in every language of every kind", () => {
  for (const kind of MODEL_KINDS.filter((kind) => kind !== "video")) {
    const snippets = snippetsOf({ id: "acme/m-7b", kind }, ORIGIN);
    assert.deepEqual(snippets.map(({ language }) => language), ["Python", "JavaScript", "curl"]);
    for (const each of snippets) {
      assert.match(text(each), /"acme\/m-7b"/);
      const changed = each.lines.filter((line) => line.isChanged).map((line) => line.text);
      assert.equal(changed.length, 2, `${kind} ${each.language}`);
      assert.match(changed.join("\n"), /https:\/\/gateway\.test\/v1/);
      assert.match(changed.join("\n"), /sk-ember-…/);
      assert.doesNotMatch(text(each), /~/);
    }
  }
});

Deno.test("snippetsOf() calls only endpoints that are there, and none for video", () => {
  const paths = INFERENCE_ROUTES.map((route): string => route.path);
  for (const kind of MODEL_KINDS) {
    for (const each of snippetsOf({ id: "m", kind }, ORIGIN)) {
      const called = /gateway\.test(\/v1\/\w[\w/]*)/.exec(text(each))?.[1];
      if (called !== undefined) assert.ok(paths.includes(called), called);
    }
  }
  assert.deepEqual(snippetsOf({ id: "m", kind: "video" }, ORIGIN), []);
});

Deno.test("snippetsOf() writes curl bodies that are JSON", () => {
  for (const kind of ["chat", "embedding", "rerank"] as const) {
    const curl = snippetsOf({ id: "m", kind }, ORIGIN)[2];
    assert.ok(curl !== undefined);
    assert.equal(JSON.parse(/-d '([\s\S]*)'$/.exec(text(curl))?.[1] ?? "").model, "m");
  }
});
