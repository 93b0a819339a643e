/**
 * Runs the tests on one real PostgreSQL server that is started before and stopped after.
 *
 *   deno task test [--postgres=plain] [arguments of `deno test`]
 *
 * `--postgres=plain` uses an installed PostgreSQL instead of the embedded one, and fails when there is none. With
 * TEST_DATABASE set (a URL, or the path of a socket) that server is used as it is.
 */
import { dirname, join } from "node:path";
import { startEmbedded } from "@/lib/kernel/embedded_postgres.ts";
import { TEST_SETTINGS } from "@/lib/kernel/test_database.ts";

const FLAGS = [
  "--parallel",
  "--unstable-kv",
  "--unstable-cron",
  "--unstable-net",
  "--unstable-no-legacy-abort",
  "-A",
];
/** More test files at a time than this crowd each other out on one database server. */
const JOBS_MAX = 8;
const INTERRUPTED = 130;

/** The counts of deno's own summary lines, added up; null when it printed none. */
export function countsOf(output: string): { passed: number; failed: number } | null {
  // deno-lint-ignore no-control-regex -- colours
  const plain = output.replace(/\x1b\[[0-9;]*m/g, "");
  const lines = plain.matchAll(
    /^(?:ok|FAILED) \| (\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed/gm,
  );
  const counts = [...lines].map((line) => [Number(line[1]), Number(line[2])] as const);
  if (counts.length === 0) return null;
  return counts.reduce((sum, [passed, failed]) => ({
    passed: sum.passed + passed,
    failed: sum.failed + failed,
  }), { passed: 0, failed: 0 });
}

/** The folder of an installed `initdb` and `postgres`: one in PATH, else the newest one of a Debian system. */
export async function plainBinDir(path: string, root = "/"): Promise<string> {
  const debian = join(root, "usr/lib/postgresql");
  const versions: string[] = [];
  try {
    for await (const entry of Deno.readDir(debian)) versions.push(entry.name);
  } catch {
    // not a Debian system
  }
  versions.sort((a, b) => Number(b) - Number(a));
  const folders = [
    ...path.split(":").filter((folder) => folder !== ""),
    ...versions.map((version) => join(debian, version, "bin")),
    join(root, "usr/local/bin"),
  ];
  for (const folder of folders) {
    try {
      // Through links: the server finds its other files next to its own.
      const real = dirname(await Deno.realPath(join(folder, "postgres")));
      await Deno.stat(join(real, "initdb"));
      return real;
    } catch {
      continue;
    }
  }
  throw new Error(
    `Cannot find initdb and postgres in ${folders.join(", ")}: install PostgreSQL 15 or newer`,
  );
}

/** Runs `deno test`, shows its output as it comes, and answers its exit code and counts. */
async function runTests(args: readonly string[], env: Record<string, string>) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", ...FLAGS, ...args],
    env,
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const interrupt = () => child.kill("SIGTERM");
  Deno.addSignalListener("SIGTERM", interrupt);
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of child.stdout) {
    for (let at = 0; at < part.length;) at += Deno.stdout.writeSync(part.subarray(at));
    text += decoder.decode(part, { stream: true });
  }
  const { code } = await child.status;
  Deno.removeSignalListener("SIGTERM", interrupt);
  return { code, counts: countsOf(text) };
}

async function main(): Promise<number> {
  const plain = Deno.args.includes("--postgres=plain");
  const args = Deno.args.filter((arg) => arg !== "--postgres=plain");
  const colours = Deno.stdout.isTerminal() && !Deno.noColor ? { FORCE_COLOR: "1" } : {};
  const jobs = Deno.env.get("DENO_JOBS") ??
    String(Math.min(navigator.hardwareConcurrency, JOBS_MAX));
  const given = Deno.env.get("TEST_DATABASE");

  // A Ctrl-C reaches the tests by themselves; we stay to stop the server.
  let interrupted = false;
  Deno.addSignalListener("SIGINT", () => interrupted = true);

  const dir = await Deno.makeTempDir({ prefix: "emberlane-test-" });
  await Deno.chmod(dir, 0o711); // the server may run as another user
  try {
    const server = given === undefined || plain
      ? await startEmbedded(dir, {
        settings: TEST_SETTINGS,
        ...(plain ? { binDir: await plainBinDir(Deno.env.get("PATH") ?? "") } : {}),
      })
      : null;
    const socket = server?.target.kind === "socket" ? server.target.path : given ?? "";
    try {
      const env = { ...colours, DENO_JOBS: jobs, TEST_DATABASE: socket };
      const { code, counts } = await runTests(args, env);
      // Without a summary no test was reached: the code did not compile, say. That is a failure too.
      const { passed, failed } = counts ?? { passed: 0, failed: code === 0 ? 0 : 1 };
      console.log(`${passed} passed, ${failed} failed`);
      if (interrupted) return INTERRUPTED;
      return code === 0 && failed > 0 ? 1 : code;
    } finally {
      await server?.stop();
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

if (import.meta.main) Deno.exit(await main());
