/** Works a publication out again from its files: what is the same, what differs and where, what could not be checked. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Sql } from "@/lib/kernel/database.ts";
import { type Check, failed, notChecked, passed } from "./check.ts";
import { checkChain } from "./verify_chain.ts";
import { checkFigures } from "./verify_figures.ts";
import { checkMachineTime, checkSpend } from "./verify_spend.ts";
import { dropUnpublished, loadInputs } from "./fresh_database.ts";
import { csvFiles, FIGURES_FILE, type Manifest, manifestShape, readSqlFiles } from "./manifest.ts";

export const MANIFEST_FILE = "manifest.json";

export type VerifyOptions = {
  /** The folder of the files. */
  readonly dir: string;
  /** An empty database with this program's tables; it is of no other use after. */
  readonly fresh: Sql;
  /** A digest the reader wrote down some day; null: none. */
  readonly knownDigest: string | null;
};

/** Yields each check as it is done. Throws when there is no manifest that can be read. */
export async function* verify({ dir, fresh, knownDigest }: VerifyOptions): AsyncGenerator<Check> {
  const manifest = await readManifestFile(dir);
  const files = await checkFiles(dir, manifest);
  yield files.check;
  yield await checkSql(dir, files.present);
  if (files.missing.length > 0) {
    return yield notChecked("everything else", `files are missing: ${files.missing.join(", ")}`);
  }
  const open = async (file: string) => (await Deno.open(join(dir, file))).readable;
  yield* checkChain(manifest, open, knownDigest);
  try {
    await loadInputs(fresh, open);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return yield failed("rows", "the rows do not fit the tables", [said]);
  }
  yield* checkSpend(fresh, manifest.range);
  yield await checkMachineTime(fresh, manifest);
  await dropUnpublished(fresh);
  yield* checkFigures(fresh, manifest.window, await Deno.readTextFile(join(dir, FIGURES_FILE)));
}

export async function readManifestFile(dir: string): Promise<Manifest> {
  const text = await Deno.readTextFile(join(dir, MANIFEST_FILE));
  return manifestShape.parse(JSON.parse(text));
}

/** Whether each file is there and is what the manifest says it is. */
async function checkFiles(dir: string, manifest: Manifest) {
  const differences: string[] = [];
  const present = new Set<string>();
  for (const { name, bytes, sha256 } of manifest.files) {
    const found = await hashOf(join(dir, name));
    if (found === null) {
      differences.push(`${name}: it is not there`);
      continue;
    }
    present.add(name);
    if (found.sha256 !== sha256 || found.bytes !== bytes) {
      differences.push(
        `${name}: ${found.bytes} bytes, SHA-256 ${found.sha256}; the manifest says ${bytes}, ${sha256}`,
      );
    }
  }
  const needed = [...csvFiles().map(({ name }) => name), FIGURES_FILE];
  const missing = needed.filter((name) => !present.has(name));
  differences.push(
    ...missing.filter((name) => !manifest.files.some((file) => file.name === name))
      .map((name) => `${name}: the manifest does not name it`),
  );
  const says = `${present.size} files of publication ${manifest.publication}`;
  const check = differences.length === 0
    ? passed("files", `${says}, each as its manifest says`)
    : failed("files", `${says}; ${differences.length} are not as the manifest says`, differences);
  return { check, present, missing };
}

async function hashOf(path: string): Promise<{ bytes: number; sha256: string } | null> {
  try {
    const hash = createHash("sha256");
    let bytes = 0;
    for await (const part of (await Deno.open(path)).readable) {
      hash.update(part);
      bytes += part.length;
    }
    return { bytes, sha256: hash.digest("hex") };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/**
 * Published statements must be this program's own, to the letter. Others are said, and never run: whoever publishes
 * could have anything run here.
 */
async function checkSql(dir: string, present: ReadonlySet<string>): Promise<Check> {
  const ours = await readSqlFiles();
  const differences: string[] = [];
  for (const { name, text } of ours) {
    if (!present.has(name)) {
      differences.push(`${name}: it is not published`);
      continue;
    }
    const line = firstDifference(await Deno.readTextFile(join(dir, name)), text);
    if (line !== null) differences.push(`${name}: line ${line} is another one here`);
  }
  const more = [...present].filter((name) =>
    name.endsWith(".sql") && !ours.some((file) => file.name === name)
  );
  differences.push(...more.map((name) => `${name}: this program has none`));
  if (differences.length === 0) {
    return passed("sql", `${ours.length} statements, the same as this program's`);
  }
  const says =
    "the published statements are not this program's (another version?); its own were run";
  return failed("sql", says, differences);
}

/** The first line, from 1, in which two texts differ; null: none. How lines end is no difference. */
function firstDifference(one: string, other: string): number | null {
  const [a, b] = [one, other].map((text) => text.replaceAll("\r\n", "\n").split("\n"));
  const length = Math.max(a?.length ?? 0, b?.length ?? 0);
  for (let i = 0; i < length; i++) {
    if (a?.[i] !== b?.[i]) return i + 1;
  }
  return null;
}
