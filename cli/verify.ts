/** `deno task verify`: works the published figures of a deployment out again, and says where they differ. */
import { tmpdir } from "node:os";
import { Command, CommanderError, Option } from "commander";
import { openDatabase, type Sql } from "@/lib/kernel/database.ts";
import { startEmbedded } from "@/lib/kernel/embedded_postgres.ts";
import { migrate } from "@/lib/kernel/migrations.ts";
import type { Check } from "@/lib/ledger/publication/check.ts";
import { verify } from "@/lib/ledger/publication/verify.ts";
import { CliError, document, EXIT, type Format, withOutput } from "./output.ts";
import { fetchInputs } from "./fetch_inputs.ts";

/** What it needs of its surroundings. */
export type VerifyIo = {
  out(text: string): void;
  err(text: string): void;
  /** An empty database with this program's tables. */
  fresh(): Promise<{ sql: Sql } & AsyncDisposable>;
  signal: AbortSignal;
};

type Options = {
  url?: string;
  dir?: string;
  window: string;
  from?: string;
  to?: string;
  save?: string;
  digest?: string;
  output: Format;
};

const MIGRATIONS = new URL("../migrations/", import.meta.url);
/** A month of bills is loaded and folded in minutes at most. */
const STATEMENT_MS_MAX = 600_000;
const DIGEST = /^[0-9a-f]{64}$/;

const HELP_AFTER = `
Rows are made into money and figures in an empty PostgreSQL that is started for this and thrown away; statements are
those of this program, which have to be the published ones. docs/verify.md tells what is checked and what cannot be.

Exit codes: 0 nothing differs · 1 something differs · 2 wrong arguments · 69 the inputs cannot be had.`;

/** Runs it. Answers the exit code; never throws. */
export async function runVerify(args: readonly string[], io: VerifyIo): Promise<number> {
  let code: number = EXIT.ok;
  const program = withOutput(new Command("deno task verify"))
    .description("Work the published figures out again from the published rows.")
    .option("--url <origin>", "fetch the inputs from this deployment")
    .addOption(new Option("--dir <folder>", "read them from a folder instead").conflicts("url"))
    .addOption(
      new Option("--window <name>", "a trailing window").choices(["24h", "7d", "30d"]).default(
        "24h",
      ),
    )
    .option("--from <day>", "whole sealed days instead, the first one: 2026-11-01")
    .option("--to <day>", "and the last one")
    .option("--save <folder>", "keep what is fetched, in an empty or new folder")
    .option("--digest <sha256>", "a digest you wrote down: it has to be in the chain of days")
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err, getOutHasColors: () => false })
    .addHelpText("after", HELP_AFTER)
    .action(async (options: Options) => {
      code = await act(options, io);
    });
  try {
    await program.parseAsync([...args], { from: "user" });
    return io.signal.aborted ? EXIT.interrupted : code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    io.err(`${error instanceof Error ? error.message : error}\n`);
    return error instanceof CliError ? error.exitCode : EXIT.failed;
  }
}

async function act(options: Options, io: VerifyIo): Promise<number> {
  const { digest = null, dir } = options;
  if (digest !== null && !DIGEST.test(digest)) {
    throw new CliError(EXIT.usage, "Cannot read the digest: write 64 hexadecimal digits");
  }
  if (dir !== undefined) return await checkAll(dir, digest, options.output, io);
  if (options.url === undefined) {
    throw new CliError(EXIT.usage, "Write --url or --dir: where the inputs are");
  }
  const { save } = options;
  const into = save ?? await Deno.makeTempDir({ prefix: "emberlane-inputs-" });
  try {
    await fetchInputs({ origin: options.url, query: queryOf(options), into }, io.signal);
    if (save !== undefined) io.err(`The inputs are in ${save}\n`);
    return await checkAll(into, digest, options.output, io);
  } finally {
    if (save === undefined) await Deno.remove(into, { recursive: true });
  }
}

function queryOf({ window, from, to }: Options): URLSearchParams {
  if (from === undefined && to === undefined) return new URLSearchParams({ window });
  if (from === undefined || to === undefined) {
    throw new CliError(EXIT.usage, "Write both --from and --to");
  }
  return new URLSearchParams({ from, to });
}

async function checkAll(
  dir: string,
  knownDigest: string | null,
  output: Format,
  io: VerifyIo,
): Promise<number> {
  await using fresh = await io.fresh();
  const checks: Check[] = [];
  for await (const check of verify({ dir, fresh: fresh.sql, knownDigest })) {
    checks.push(check);
    if (output === "table") io.out(lineOf(check));
  }
  const count = (outcome: Check["outcome"]) =>
    checks.filter((check) => check.outcome === outcome).length;
  const [good, bad, open] = [count("passed"), count("failed"), count("not_checked")];
  if (output === "json") io.out(document({ ok: bad === 0, checks }));
  else io.out(`\n${good} checks passed, ${bad} failed, ${open} could not be made\n`);
  return bad === 0 ? EXIT.ok : EXIT.failed;
}

const WORDS = { passed: "ok", failed: "FAILED", not_checked: "not checked" } as const;
const WORD_WIDTH = 12;

function lineOf({ name, outcome, says, differences }: Check): string {
  const indent = " ".repeat(WORD_WIDTH);
  return [
    `${WORDS[outcome].padEnd(WORD_WIDTH)}${name}: ${says}`,
    ...differences.map((difference) => `${indent}${difference}`),
  ].join("\n") + "\n";
}

/** A PostgreSQL server in a folder that is removed after. */
async function freshServer(): Promise<{ sql: Sql } & AsyncDisposable> {
  const dir = await Deno.makeTempDir({ dir: tmpdir(), prefix: "emberlane-verify-" });
  await Deno.chmod(dir, 0o755); // root's server runs as somebody else, who must enter it
  const server = await startEmbedded(dir, { settings: ["fsync=off", "full_page_writes=off"] });
  const sql = openDatabase(server.target, {
    applicationName: "emberlane-verify",
    maxConnections: 2,
    statementMsMax: STATEMENT_MS_MAX,
  });
  await migrate(sql, MIGRATIONS);
  return {
    sql,
    async [Symbol.asyncDispose]() {
      await sql.end({ timeout: 1 });
      await server.stop();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

if (import.meta.main) {
  const leaving = new AbortController();
  Deno.addSignalListener("SIGINT", () => leaving.abort());
  const write = (to: { writeSync(bytes: Uint8Array): number }) => (text: string) => {
    const bytes = new TextEncoder().encode(text);
    for (let written = 0; written < bytes.length;) written += to.writeSync(bytes.subarray(written));
  };
  Deno.exit(
    await runVerify(Deno.args, {
      out: write(Deno.stdout),
      err: write(Deno.stderr),
      fresh: freshServer,
      signal: leaving.signal,
    }),
  );
}
