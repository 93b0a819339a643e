/** Runs esbuild over islands and stylesheets, and collects what the browser may fetch. */
import { dirname, extname, relative, resolve } from "node:path";
import type { BuildOptions, BuildResult, Metafile, Plugin } from "esbuild";
import { z } from "zod";
import type { Manifest } from "./build.ts";
import { islandName, listSources } from "./sources.ts";

/** URLs of what the bundler makes; each names its content. */
export const ASSET_PREFIX = "/_fresh/";

export type Bundle = {
  manifest: Manifest;
  inputs: Record<string, string>;
  outputs: Map<string, { bytes: Uint8Array<ArrayBuffer>; isImmutable: boolean }>;
};

const HERE = import.meta.dirname ?? ".";
const OUT = "out";
/** The module that is written here: the table of islands, handed to the client. */
const BOOT = "fresh-boot";
const PARTIALS = resolve(HERE, "client_partials.ts");
/** The wrappers must not take part in the layout; a style attribute would need `unsafe-inline`. */
const WRAPPER_STYLE = "is-land,is-slot{display:contents}";

/** Bundles the project at `root`. Islands share chunks; each stylesheet directly in `static/` takes in its imports. */
export async function bundle(root: string, minify: boolean): Promise<Bundle> {
  const { islands, statics } = await listSources(root);
  const outputs: Bundle["outputs"] = new Map();
  const inputs = new Set<string>([...islands, ...statics]);
  const sheets = statics.filter((file) => /^static\/[^/]+\.css$/.test(file));
  for (const file of statics) {
    outputs.set(file.slice("static".length), {
      bytes: await Deno.readFile(resolve(root, file)),
      isImmutable: false,
    });
  }

  return await withEsbuild(async (build) => {
    const common = commonOptions(root, minify);
    if (sheets.length > 0) {
      const styles = await build({ ...common, ...styleOptions(root, sheets, statics) });
      collect(root, styles, outputs, inputs);
    }
    const assets: Record<string, string> = {};
    for (const [url, { bytes, isImmutable }] of outputs) {
      if (!isImmutable) assets[url] = await hashOf(bytes);
    }
    const scripts = await build({
      ...common,
      ...scriptOptions(root, islands, await importMap(root)),
      define: { __FRESH_ASSETS__: JSON.stringify(assets) },
    });
    collect(root, scripts, outputs, inputs);
    return {
      manifest: { ...scriptUrls(root, scripts.metafile, islands), assets },
      inputs: await hashInputs(root, inputs),
      outputs,
    };
  });
}

/** The first 16 hex digits of SHA-256: enough to tell contents of one project apart. */
export async function hashOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return digest.slice(0, 8).toHex();
}

type Build = (options: BuildOptions) => Promise<BuildResult<{ metafile: true; write: false }>>;

let users = 0;

/** esbuild is one child process for all users; the last one out stops it, or the program would not end. */
async function withEsbuild<T>(work: (build: Build) => Promise<T>): Promise<T> {
  const esbuild = await import("esbuild");
  users++;
  try {
    return await work((options) => esbuild.build({ ...options, metafile: true, write: false }));
  } finally {
    if (--users === 0) await esbuild.stop();
  }
}

function commonOptions(root: string, minify: boolean): BuildOptions {
  return {
    absWorkingDir: root,
    outdir: resolve(root, OUT),
    publicPath: ASSET_PREFIX,
    bundle: true,
    minify,
    sourcemap: minify ? false : "inline",
    target: "es2022",
    // A project without node_modules of its own uses those beside this library.
    nodePaths: [resolve(HERE, "../../node_modules")],
    logLevel: "silent",
  };
}

function styleOptions(root: string, sheets: string[], statics: string[]): BuildOptions {
  return {
    entryPoints: sheets.map((file) => resolve(root, file)),
    outbase: resolve(root, "static"),
    entryNames: "[dir]/[name]",
    assetNames: "[name]-[hash]",
    loader: { ".woff2": "file", ".svg": "file", ".png": "file", ".webp": "file", ".avif": "file" },
    plugins: [sitePaths(root, statics)],
    footer: { css: WRAPPER_STYLE },
  };
}

function scriptOptions(root: string, islands: string[], importMap: Plugin): BuildOptions {
  return {
    // Precompiled JSX is for strings; the browser needs elements.
    jsx: "automatic",
    jsxImportSource: "preact",
    format: "esm",
    splitting: true,
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    entryPoints: { boot: BOOT, partials: PARTIALS },
    plugins: [importMap, bootModule(root, islands)],
  };
}

/** In a stylesheet, `/x.woff2` is a file of `static/`, as it is for the browser; what is not there is left alone. */
function sitePaths(root: string, statics: string[]): Plugin {
  return {
    name: "site-paths",
    setup(build) {
      build.onResolve({ filter: /^\// }, ({ path, kind }) => {
        if (kind !== "url-token" && kind !== "import-rule") return null;
        if (!statics.includes(`static${path}`)) return { path, external: true };
        return { path: resolve(root, "static", path.slice(1)) };
      });
    },
  };
}

function bootModule(root: string, islands: string[]): Plugin {
  const table = islands.map((file) =>
    `${JSON.stringify(islandName(file))}: () => import(${JSON.stringify(`./${file}`)})`
  );
  const client = JSON.stringify(resolve(HERE, "client.ts"));
  const contents = `import { boot } from ${client};\nboot({ ${table.join(", ")} });`;
  return {
    name: BOOT,
    setup(build) {
      build.onResolve({ filter: new RegExp(`^${BOOT}$`) }, () => ({ path: BOOT, namespace: BOOT }));
      build.onLoad({ filter: /.*/, namespace: BOOT }, () => ({ contents, resolveDir: root }));
    },
  };
}

function collect(
  root: string,
  { outputFiles, metafile }: BuildResult<{ metafile: true; write: false }>,
  outputs: Bundle["outputs"],
  inputs: Set<string>,
): void {
  for (const { path, contents } of outputFiles) {
    const name = relative(resolve(root, OUT), path);
    const isSheet = extname(name) === ".css";
    const url = (isSheet ? "/" : ASSET_PREFIX) + name;
    outputs.set(url, { bytes: Uint8Array.from(contents), isImmutable: !isSheet });
  }
  for (const file of Object.keys(metafile.inputs)) {
    if (!file.includes("node_modules/") && !file.startsWith(BOOT)) inputs.add(file);
  }
}

function scriptUrls(
  root: string,
  { outputs }: Metafile,
  islands: string[],
): Omit<Manifest, "assets"> {
  const urlOf = (path: string) => ASSET_PREFIX + relative(OUT, path);
  const withImports = (path: string | undefined, seen = new Set<string>()): Set<string> => {
    if (path === undefined || seen.has(path)) return seen;
    seen.add(path);
    for (const { kind, path: next } of outputs[path]?.imports ?? []) {
      if (kind === "import-statement") withImports(next, seen);
    }
    return seen;
  };
  const urlsOf = (entry: string): string[] => {
    const path = Object.keys(outputs).find((path) => outputs[path]?.entryPoint === entry);
    return [...withImports(path)].map(urlOf);
  };
  return {
    boot: urlsOf(`${BOOT}:${BOOT}`),
    partials: urlsOf(relative(root, PARTIALS)),
    islands: Object.fromEntries(islands.map((file) => [islandName(file), urlsOf(file)])),
  };
}

async function hashInputs(root: string, files: Set<string>): Promise<Record<string, string>> {
  // What the packages are is settled by the lock file.
  const { file: config } = await findConfig(root);
  if (config !== null) {
    for (const name of [config, resolve(dirname(config), "deno.lock")]) {
      files.add(relative(root, name));
    }
  }
  const hashes = [...files].sort().map(async (file) => {
    try {
      return [file, await hashOf(await Deno.readFile(resolve(root, file)))];
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  });
  const found = (await Promise.all(hashes)).filter((entry) => entry !== null);
  return Object.fromEntries(found);
}

const configSchema = z.object({ imports: z.record(z.string(), z.string()).default({}) });

/** The nearest deno.json at or above `root`. */
async function findConfig(
  root: string,
): Promise<{ file: string | null; imports: Record<string, string> }> {
  for (let dir = root;; dir = dirname(dir)) {
    const file = resolve(dir, "deno.json");
    try {
      const { imports } = configSchema.parse(JSON.parse(await Deno.readTextFile(file)));
      return { file, imports };
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    if (dir === dirname(dir)) return { file: null, imports: {} };
  }
}

/** Resolves what deno.json maps to local paths; npm names are found in node_modules. */
async function importMap(root: string): Promise<Plugin> {
  const { file, imports } = await findConfig(root);
  const local = Object.entries(imports).filter(([, target]) => target.startsWith("."))
    .sort(([a], [b]) => b.length - a.length);
  return {
    name: "deno-json-imports",
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
        if (kind === "entry-point" || file === null) return null;
        const found = local.find(([key]) =>
          key.endsWith("/") ? path.startsWith(key) : path === key
        );
        if (found === undefined) return null;
        const [key, target] = found;
        return { path: resolve(dirname(file), target, path.slice(key.length)) };
      });
    },
  };
}
