import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { MutantReport } from "./mutant_runner.ts";
import { type Mutant, MUTANTS } from "./mutants.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** What the simulation is made of; it needs no package. */
const PARTS = ["lib/kernel", "lib/engine", "lib/providers", "lib/fleet", "tests/keeper"];
/** A fault that so many runs do not show is not found. */
const SEEDS = 300;
const PROCESSES = 2;
/** It takes 15 s alone; other tests may want the cores too. */
const MS_MAX = 180_000;
const UNTOUCHED = "untouched";

Deno.test("the simulation finds every deliberate fault in the keeper, and none where there is none", async (t) => {
  const root = await Deno.makeTempDir({ prefix: "emberlane-mutants-" });
  try {
    const names = new Map(MUTANTS.map((mutant, i) => [`m${i}`, mutant]));
    const dirs = [UNTOUCHED, ...names.keys()];
    await Deno.writeTextFile(join(root, "deno.json"), JSON.stringify(configFor(dirs)));
    await Promise.all(dirs.map((dir) => copyWith(names.get(dir) ?? null, join(root, dir))));
    const reports = (await Promise.all(
      Array.from(
        { length: PROCESSES },
        (_, i) => runAll(root, dirs.filter((_dir, n) => n % PROCESSES === i)),
      ),
    )).flat();
    const reportOf = (dir: string) => reports.find((report) => report.dir === dir);

    await t.step("untouched: every run keeps the laws", () => {
      assert.deepEqual(reportOf(UNTOUCHED), { dir: UNTOUCHED, seed: null, broke: null });
    });
    for (const [dir, { name, standsFor }] of names) {
      await t.step(name, () => {
        const report = reportOf(dir);
        assert.ok(report, "it was played");
        assert.match(report.broke ?? "nothing", /^LawBroken: /, `a law finds it: ${standsFor}`);
      });
    }
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

/** Each copy sees itself as the root. */
function configFor(dirs: readonly string[]) {
  return {
    imports: {},
    scopes: Object.fromEntries(dirs.map((dir) => [`./${dir}/`, { "@/": `./${dir}/` }])),
  };
}

async function copyWith(mutant: Mutant | null, to: string): Promise<void> {
  for (const part of PARTS) {
    await Deno.mkdir(join(to, part), { recursive: true });
    for await (const { name, isFile } of Deno.readDir(join(ROOT, part))) {
      if (!isFile || !name.endsWith(".ts") || name.endsWith("_test.ts")) continue;
      const text = await Deno.readTextFile(join(ROOT, part, name));
      const isTarget = part === "lib/fleet" && mutant !== null;
      await Deno.writeTextFile(join(to, part, name), isTarget ? edit(mutant, name, text) : text);
    }
  }
}

/** A fault that no longer applies tests nothing, so it fails. */
function edit(mutant: Mutant, file: string, text: string): string {
  for (const { file: target, find, put } of mutant.edits) {
    if (target !== file) continue;
    const times = text.split(find).length - 1;
    assert.equal(times, 1, `"${mutant.name}" applies once to ${file}: ${find}`);
    text = text.replace(find, () => put);
  }
  return text;
}

async function runAll(root: string, dirs: readonly string[]): Promise<MutantReport[]> {
  const runner = join(root, UNTOUCHED, "tests/keeper/mutant_runner.ts");
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--no-lock",
      "--cached-only",
      `--config=${join(root, "deno.json")}`,
      "--allow-read",
      runner,
      root,
      String(SEEDS),
      ...dirs,
    ],
    cwd: root,
    signal: AbortSignal.timeout(MS_MAX),
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
}
