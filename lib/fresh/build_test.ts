import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { copyDir } from "./testdata/copy_dir.ts";
import { makeBuild, readyBuild, writeDist } from "./build.ts";

const site = new URL("./testdata/site", import.meta.url).pathname;
const build = await makeBuild(site, "best");
const textOf = (url: string) => new TextDecoder().decode(build.files.get(url)?.bytes);

Deno.test("makeBuild() keeps the JavaScript of an island page below 20 KB gzipped", () => {
  const { manifest } = build;
  const urls = new Set([...manifest.boot, ...Object.values(manifest.islands).flat()]);
  let bytes = 0;
  for (const url of urls) {
    bytes += gzipSync(build.files.get(url)?.bytes ?? new Uint8Array(), { level: 9 }).length;
  }
  assert.ok(bytes > 5_000 && bytes < 20_000, `${bytes} bytes`);
});

Deno.test("makeBuild() puts no server code and no second Preact in the browser's files", () => {
  const scripts = [...build.files.keys()].filter((url) => url.endsWith(".js"));
  const all = scripts.map(textOf);
  assert.ok(scripts.length > 5);
  for (const text of all) assert.doesNotMatch(text, /renderToString|Deno\.|node:/);
  assert.equal(all.filter((text) => text.includes("requestAnimationFrame")).length <= 2, true);
});

Deno.test("makeBuild() bundles a stylesheet with its imports and names the files it refers to", () => {
  const css = textOf("/app.css");
  assert.doesNotMatch(css, /@import/);
  assert.match(css, /Georgia/);
  assert.match(css, /url\("?\/_fresh\/dot-\w+\.svg"?\)/);
  assert.equal(css.match(/\/_fresh\/dot-/g)?.length, 2);
  assert.match(css, /url\("?\/elsewhere\.svg"?\)/);
  assert.match(css, /is-land,is-slot\{display:contents\}/);
});

Deno.test("makeBuild() is the same for the same files", async () => {
  const again = await makeBuild(site, "best");
  assert.deepEqual(again.manifest, build.manifest);
  assert.deepEqual(again.inputs, build.inputs);
});

Deno.test("readyBuild() takes dist/ while nothing changed, and builds anew when an input did", async () => {
  const root = await Deno.makeTempDir();
  try {
    await copyDir(`${site}/static`, `${root}/static`);
    await Deno.mkdir(`${root}/islands`);
    await Deno.writeTextFile(`${root}/message.ts`, "export const message = 'one';");
    await Deno.writeTextFile(
      `${root}/islands/Say.tsx`,
      "import { message } from '../message.ts'; export default () => <b>{message}</b>;",
    );
    const first = await makeBuild(root, "quick");
    // A mark that no build would make tells what was read from what was built.
    first.manifest.assets["/mark"] = "read";
    await writeDist(root, first);
    const read = await readyBuild(root);
    assert.equal(read.manifest.assets["/mark"], "read");
    assert.deepEqual([...read.files.keys()], [...first.files.keys()]);
    assert.deepEqual(read.files.get("/app.css"), first.files.get("/app.css"));

    await Deno.writeTextFile(`${root}/message.ts`, "export const message = 'two';");
    assert.equal((await readyBuild(root)).manifest.assets["/mark"], undefined);

    await Deno.writeTextFile(`${root}/message.ts`, "export const message = 'one';");
    assert.equal((await readyBuild(root)).manifest.assets["/mark"], "read");
    await Deno.writeTextFile(`${root}/static/new.txt`, "new");
    assert.notEqual((await readyBuild(root)).manifest.assets["/new.txt"], undefined);

    await Deno.writeTextFile(`${root}/dist/manifest.json`, '{"manifest": {');
    assert.ok((await readyBuild(root)).files.has("/new.txt"));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
