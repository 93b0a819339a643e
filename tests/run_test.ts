/** Tests of run.ts. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { join } from "node:path";
import { countsOf, plainBinDir } from "./run.ts";

Deno.test("countsOf() reads deno's own summary, with colours, steps and whatever else stands in it", () => {
  deepEqual(countsOf("ok | 5 passed | 0 failed (1s)"), { passed: 5, failed: 0 });
  const coloured = "\n\x1b[0m\x1b[31mFAILED\x1b[0m | 12 passed (3 steps) | 2 failed | 1 ignored\n";
  deepEqual(countsOf(coloured), { passed: 12, failed: 2 });
  deepEqual(countsOf("ok | 1 passed | 0 failed | 2 filtered out (610ms)\n"), {
    passed: 1,
    failed: 0,
  });
});

Deno.test("countsOf() does not mistake what a test prints for the summary", () => {
  equal(countsOf("it said: ok | 5 passed | 0 failed"), null);
  equal(countsOf("error: Type checking failed."), null);
});

Deno.test("plainBinDir() finds initdb next to postgres, through links, and fails when there is none", async () => {
  const dir = await Deno.makeTempDir();
  const root = await Deno.realPath(dir);
  const folder = async (...parts: string[]) => {
    const path = join(root, ...parts);
    await Deno.mkdir(path, { recursive: true });
    return path;
  };
  const half = await folder("half");
  await Deno.writeTextFile(join(half, "postgres"), ""); // no initdb
  await rejects(plainBinDir(half, root), /Cannot find initdb and postgres in .*install PostgreSQL/);

  for (const version of ["9", "15", "16"]) {
    const bin = await folder("usr/lib/postgresql", version, "bin");
    for (const name of ["initdb", "postgres"]) await Deno.writeTextFile(join(bin, name), "");
  }
  equal(await plainBinDir(half, root), join(root, "usr/lib/postgresql/16/bin"));

  const link = await folder("link");
  const old = join(root, "usr/lib/postgresql/15/bin");
  await Deno.symlink(join(old, "postgres"), join(link, "postgres"));
  equal(await plainBinDir(`${half}:${link}`, root), old);
  await Deno.remove(dir, { recursive: true });
});
