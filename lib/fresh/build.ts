/**
 * The finished assets of an app: what a build holds, whether one on disk is current, reading and writing `dist/`.
 * Run as a program (`deno task build`) it writes `dist/` of the working directory.
 */
import { relative, resolve } from "node:path";
import { z } from "zod";
import { bundle, hashOf } from "./bundle.ts";
import { listSources } from "./sources.ts";
import { encoded, type Encoding, mediaTypeOf } from "./encode.ts";

const manifestSchema = z.object({
  /** URL of the boot script, then of what it imports. */
  boot: z.array(z.string()),
  /** URL of the script for partial navigation. */
  partials: z.array(z.string()),
  /** Island file → URLs of its chunk and what that imports. */
  islands: z.record(z.string(), z.array(z.string())),
  /** Path of a static file → hash of its content. */
  assets: z.record(z.string(), z.string()),
});

const storedSchema = z.object({
  manifest: manifestSchema,
  /** Project file → hash: what the build was made from. */
  inputs: z.record(z.string(), z.string()),
  files: z.array(z.object({
    url: z.string(),
    name: z.string().regex(/^[\w.-]+$/),
    hash: z.string(),
    isImmutable: z.boolean(),
    encodings: z.array(z.enum(["br", "gzip"])),
  })),
});

export type Manifest = z.infer<typeof manifestSchema>;

export type AssetFile = {
  bytes: Uint8Array<ArrayBuffer>;
  hash: string;
  mediaType: string;
  /** Its URL names its content. */
  isImmutable: boolean;
  encodings: Map<Encoding, Uint8Array<ArrayBuffer>>;
};

export type Build = {
  manifest: Manifest;
  inputs: Record<string, string>;
  /** By URL path. */
  files: Map<string, AssetFile>;
};

const DIST = "dist";
const MANIFEST = "manifest.json";

/** The build on disk if it was made from the files as they are, else one made in memory. */
export async function readyBuild(root: string): Promise<Build> {
  return await readDist(root) ?? await makeBuild(root, "quick");
}

/** Bundles and compresses. `best` compression is slow and belongs to `deno task build`; `none` to development. */
export async function makeBuild(root: string, effort: "best" | "quick" | "none"): Promise<Build> {
  const { manifest, inputs, outputs } = await bundle(root, effort !== "none");
  const files = new Map<string, AssetFile>();
  await Promise.all([...outputs].map(async ([url, { bytes, isImmutable }]) => {
    const mediaType = mediaTypeOf(url);
    const encodings = effort === "none"
      ? new Map<Encoding, Uint8Array<ArrayBuffer>>()
      : await encoded(bytes, mediaType, effort);
    files.set(url, { bytes, hash: await hashOf(bytes), mediaType, isImmutable, encodings });
  }));
  return { manifest, inputs, files };
}

/** Writes `dist/`: each file under the hash of its content, its encodings beside it, and the manifest last. */
export async function writeDist(root: string, build: Build): Promise<void> {
  const dist = resolve(root, DIST);
  await Deno.remove(dist, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(dist, { recursive: true });
  const files: z.infer<typeof storedSchema>["files"] = [];
  for (const [url, file] of build.files) {
    const name = `${file.hash}${/\.\w+$/.exec(url)?.[0] ?? ""}`;
    await Deno.writeFile(resolve(dist, name), file.bytes);
    for (const [encoding, bytes] of file.encodings) {
      await Deno.writeFile(resolve(dist, `${name}.${encoding}`), bytes);
    }
    const { hash, isImmutable } = file;
    files.push({ url, name, hash, isImmutable, encodings: [...file.encodings.keys()] });
  }
  const stored = { manifest: build.manifest, inputs: build.inputs, files };
  await Deno.writeTextFile(resolve(dist, MANIFEST), JSON.stringify(stored, null, 1));
}

async function readDist(root: string): Promise<Build | null> {
  const dist = resolve(root, DIST);
  let stored: unknown;
  try {
    stored = JSON.parse(await Deno.readTextFile(resolve(dist, MANIFEST)));
  } catch (error) {
    // No build, or one that was cut short: the caller makes its own.
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return null;
    throw error;
  }
  const parsed = storedSchema.safeParse(stored);
  if (!parsed.success || !await isCurrent(root, parsed.data.inputs)) return null;
  const files = new Map<string, AssetFile>();
  for (const { url, name, hash, isImmutable, encodings } of parsed.data.files) {
    const read = new Map<Encoding, Uint8Array<ArrayBuffer>>();
    for (const encoding of encodings) {
      read.set(encoding, await Deno.readFile(resolve(dist, `${name}.${encoding}`)));
    }
    const bytes = await Deno.readFile(resolve(dist, name));
    files.set(url, { bytes, hash, mediaType: mediaTypeOf(url), isImmutable, encodings: read });
  }
  return { manifest: parsed.data.manifest, inputs: parsed.data.inputs, files };
}

/** Whether every input has the hash it had, and no island or static file was added. */
async function isCurrent(root: string, inputs: Record<string, string>): Promise<boolean> {
  const { islands, statics } = await listSources(root);
  if ([...islands, ...statics].some((file) => inputs[file] === undefined)) return false;
  const checks = Object.entries(inputs).map(async ([file, hash]) => {
    try {
      return await hashOf(await Deno.readFile(resolve(root, file))) === hash;
    } catch {
      return false;
    }
  });
  return (await Promise.all(checks)).every(Boolean);
}

if (import.meta.main) {
  const root = Deno.cwd();
  const build = await makeBuild(root, "best");
  await writeDist(root, build);
  for (const [url, { bytes, encodings }] of build.files) {
    const br = encodings.get("br")?.length ?? bytes.length;
    console.log(`${url}  ${bytes.length} B, br ${br} B`);
  }
  console.log(`${build.files.size} files in ${relative(root, resolve(root, DIST))}/`);
}
