/** Routes and islands run unchanged on Fresh 2: what they import from `fresh` and `fresh/runtime`, Fresh 2 exports too. */
import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);

/** What `@fresh/core` 2 exports that our pages may use, with the same meaning. Source: Fresh's documentation and `mod.ts`. */
const FRESH = new Set([
  ...["createDefine", "HttpError", "page", "csrf", "trailingSlashes"],
  ...[
    "Context",
    "FreshContext",
    "PageProps",
    "RouteConfig",
    "LayoutConfig",
    "Middleware",
    "RouteHandler",
  ],
]);
/** The same of `@fresh/core/runtime`. */
const RUNTIME = new Set([
  "asset",
  "assetSrcSet",
  "Head",
  "HeadProps",
  "IS_BROWSER",
  "Partial",
  "PartialProps",
]);

async function* files(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(new URL(folder, ROOT))) {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory) yield* files(`${path}/`);
    else if (/\.tsx?$/.test(path) && !path.endsWith("_test.ts")) yield path;
  }
}

Deno.test("routes, islands and their components import from fresh only what Fresh 2 exports", async () => {
  const used = new Map<string, Set<string>>([["fresh", new Set()], ["fresh/runtime", new Set()]]);
  for (const folder of ["routes/", "islands/", "lib/site/"]) {
    for await (const path of files(folder)) {
      const text = await Deno.readTextFile(new URL(path, ROOT));
      for (
        const [, names = "", from = ""] of text.matchAll(
          /import (?:type )?\{([^}]*)\} from "(fresh[^"]*)"/g,
        )
      ) {
        const known = from === "fresh" ? FRESH : RUNTIME;
        for (const name of names.split(",").map((word) => word.trim().replace(/^type /, ""))) {
          if (name === "") continue;
          assert.ok(known.has(name), `${path} imports ${name} from ${from}`);
          used.get(from)?.add(name);
        }
      }
      assert.doesNotMatch(text, /from "[^"]*lib\/fresh\//, `${path} reaches into lib/fresh`);
    }
  }
  assert.deepEqual([...used.get("fresh") ?? []].sort(), ["HttpError", "createDefine", "page"]);
  assert.ok(used.get("fresh/runtime")?.has("Head"));
});
