/** House rules that a compiler cannot check: who imports whom, what stays at the edge, how large a file grows. */
import assert from "node:assert/strict";
import { posix } from "node:path";

const ROOT = new URL("../", import.meta.url);

/** Folder → the folders it may import besides itself. Everything may import `lib/kernel`. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  "lib/kernel": [],
  "lib/fresh": [],
  "lib/providers": [],
  "lib/engine": [],
  "lib/accounts": [],
  "lib/fleet": ["lib/providers", "lib/engine"],
  "lib/ledger": ["lib/providers"],
  "lib/gateway": ["lib/accounts", "lib/fleet", "lib/ledger", "lib/engine"],
  "lib/site": ["lib/fleet", "lib/ledger", "lib/gateway", "lib/fresh", "islands"],
  "islands": ["lib/site", "lib/fresh"],
  "routes": ["lib", "islands"],
  "workers": ["lib"],
  "replica": ["lib", "workers", "routes", "islands", "sim"],
  "sim": [],
  "cli": ["lib"],
};
/** `lib/site` shows what others know: it may name their types, never call them. */
const TYPES_ONLY: Record<string, readonly string[]> = {
  "lib/site": ["lib/fleet", "lib/ledger", "lib/gateway"],
};

type Ban = { readonly what: RegExp; readonly instead: string; readonly except: readonly RegExp[] };
/** Programs that pages show to their readers, as text. */
const SHOWN_CODE = /^lib\/site\/(api_examples|snippets)\.ts$/;
const BANS: readonly Ban[] = [
  {
    what: /\bDate\.now\(|new Date\(\)|performance\.now\(/,
    instead: "take `now` or a Clock as an argument",
    except: [/^lib\/(kernel|fresh)\//],
  },
  {
    what: /\bMath\.random\(|\brandomBytes\(|\brandomUUID\(|getRandomValues\(/,
    instead: "use lib/kernel/ids.ts, or take the value as an argument",
    except: [/^lib\/(kernel|providers)\//],
  },
  {
    what: /(?<![.\w])fetch\(/,
    instead: "go through lib/engine or lib/providers",
    except: [/^lib\/(engine|providers|fresh)\//, SHOWN_CODE],
  },
  {
    what: /\bDeno\.env\b/,
    instead: "read the environment once, in main.ts, and hand on what is needed",
    except: [/^lib\/kernel\/test_database\.ts$/],
  },
  {
    what: /\bconsole\.(log|error|warn|info)\(/,
    instead: "write through the Log",
    except: [/^lib\/kernel\/log\.ts$/, /^lib\/fresh\//, SHOWN_CODE],
  },
  {
    what: /\bas any\b|: any\b|<any>/,
    instead: "name the type, or unknown",
    except: [/^lib\/fresh\//],
  },
];
/** What runs in the browser or at the edge of the program may read clocks and the network. */
const EDGES = /^(sim|cli|islands|replica\/welcome|main\.ts)/;

const LINES_MAX = 300;
const VAGUE_NAMES = /(^|\/)(utils?|helpers?|common|types|misc|shared)\.tsx?$/;

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(new URL(folder, ROOT))) {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory) {
      if (
        !/(^|\/)(node_modules|testdata|recordings|results|data|dist)$/.test(path) &&
        !entry.name.startsWith(".")
      ) {
        yield* sources(`${path}/`);
      }
    } else if (/\.tsx?$/.test(path)) yield path;
  }
}

const isTest = (path: string) =>
  /(_test|_testing)\.tsx?$|(^|\/)tests\/|_testing_\w+\.ts$|(^|\/)bench\//.test(path);

/** The folder a rule speaks of: the longest one that holds the path. */
function folderOf(path: string): string | null {
  const known = Object.keys(MAY_IMPORT).filter((folder) => path.startsWith(`${folder}/`));
  return known.sort((a, b) => b.length - a.length)[0] ?? null;
}

/** Every import of `text`: where it leads within the repository, and whether it is for types alone. */
function importsOf(path: string, text: string): { target: string; typesOnly: boolean }[] {
  const pattern =
    /(?:^|\n)\s*(import|export)(\s+type)?\s+(?:[^"';]*?\s+from\s+)?"([^"]+)"|import\("([^"]+)"\)/g;
  return [...text.matchAll(pattern)].flatMap((match) => {
    const specifier = match[3] ?? match[4] ?? "";
    const typesOnly = match[2] !== undefined;
    if (specifier.startsWith("@/")) return [{ target: specifier.slice(2), typesOnly }];
    if (specifier.startsWith(".")) {
      return [{ target: posix.join(posix.dirname(path), specifier), typesOnly }];
    }
    return [];
  });
}

/** The import problems of one file. */
export function importProblems(path: string, text: string): string[] {
  const from = folderOf(path);
  if (from === null) return [];
  const allowed = ["lib/kernel", from, ...MAY_IMPORT[from] ?? []];
  return importsOf(path, text).flatMap(({ target, typesOnly }) => {
    if (from === "lib/fresh" && !target.startsWith("lib/fresh/")) {
      return [`${path}: lib/fresh imports nothing of ours, so not ${target}`];
    }
    if (!allowed.some((folder) => target.startsWith(`${folder}/`))) {
      return [`${path}: ${from} may not import ${target}`];
    }
    const types = TYPES_ONLY[from]?.some((folder) => target.startsWith(`${folder}/`)) ?? false;
    return types && !typesOnly ? [`${path}: ${from} may import ${target} only for its types`] : [];
  });
}

/** The banned words of one file. */
export function banProblems(path: string, text: string): string[] {
  if (EDGES.test(path)) return [];
  const code = text.replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, "");
  return BANS.filter(({ what, except }) =>
    what.test(code) && !except.some((pattern) => pattern.test(path))
  )
    .map(({ what, instead }) => `${path}: ${what.source} is banned; ${instead}`);
}

Deno.test("tidy: imports point one way", async () => {
  const problems: string[] = [];
  for (const folder of ["lib/", "islands/", "routes/", "workers/", "replica/", "sim/", "cli/"]) {
    if (!await exists(folder)) continue;
    for await (const path of sources(folder)) {
      if (!isTest(path)) problems.push(...importProblems(path, await read(path)));
    }
  }
  assert.deepEqual(problems, []);
});

Deno.test("tidy: a broken import rule is seen", () => {
  const up = 'import { serve } from "@/lib/gateway/gateway.ts";';
  assert.equal(importProblems("lib/fleet/x.ts", up).length, 1);
  assert.equal(importProblems("lib/kernel/x.ts", 'export * from "../fleet/place.ts";').length, 1);
  assert.equal(importProblems("routes/x.ts", up).length, 0);
  assert.equal(importProblems("lib/site/x.ts", up).length, 1);
  assert.equal(
    importProblems("lib/site/x.ts", 'import type { A } from "@/lib/gateway/a.ts";').length,
    0,
  );
});

Deno.test("tidy: clocks, randomness, the network and the environment stay at the edges", async () => {
  const problems: string[] = [];
  for (const folder of ["lib/", "workers/", "replica/"]) {
    for await (const path of sources(folder)) {
      if (!isTest(path)) problems.push(...banProblems(path, await read(path)));
    }
  }
  assert.deepEqual(problems, []);
});

Deno.test("tidy: a banned word is seen, in code and not in prose", () => {
  assert.equal(banProblems("lib/fleet/x.ts", "const t = Date.now();").length, 1);
  assert.equal(banProblems("lib/fleet/x.ts", "// Date.now() is not for here").length, 0);
  assert.equal(banProblems("lib/kernel/clock.ts", "Date.now()").length, 0);
});

Deno.test(`tidy: no file is over ${LINES_MAX} lines or vaguely named`, async () => {
  const problems: string[] = [];
  for await (const path of sources("./")) {
    if (VAGUE_NAMES.test(path)) problems.push(`${path}: name it after what it holds`);
    const lines = (await read(path)).split("\n").length - 1;
    if (lines > LINES_MAX && !isTest(path)) {
      problems.push(`${path}: ${lines} lines; is it one story?`);
    }
  }
  assert.deepEqual(problems, []);
});

Deno.test("tidy: every source file begins by saying what it is", async () => {
  const problems: string[] = [];
  for (const folder of ["lib/", "workers/", "replica/", "sim/", "cli/"]) {
    for await (const path of sources(folder)) {
      if (!/^(\/\*\*|\/\/|#!)/.test(await read(path)) && !isTest(path)) problems.push(path);
    }
  }
  assert.deepEqual(problems, []);
});

Deno.test("tidy: relative links in Markdown lead somewhere", async () => {
  const problems: string[] = [];
  for (
    const path of ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", ...await markdownIn("docs/")]
  ) {
    const text = (await read(path)).replace(/```[\s\S]*?```/g, "");
    for (const [, target = ""] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target) || target.startsWith("/")) continue;
      if (!await exists(posix.join(posix.dirname(path), target))) {
        problems.push(
          `${path}: ${target}`,
        );
      }
    }
  }
  assert.deepEqual(problems, []);
});

async function markdownIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(new URL(folder, ROOT))) {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory) found.push(...await markdownIn(`${path}/`));
    else if (path.endsWith(".md")) found.push(path);
  }
  return found;
}

const read = (path: string) => Deno.readTextFile(new URL(path, ROOT));
const exists = (path: string) => Deno.stat(new URL(path, ROOT)).then(() => true, () => false);
