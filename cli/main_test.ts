import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { note } from "@/lib/fleet/journal_store.ts";
import { instant, systemClock } from "@/lib/kernel/clock.ts";
import { type DatabaseTarget, openDatabase, readiness } from "@/lib/kernel/database.ts";
import { startEmbedded } from "@/lib/kernel/embedded_postgres.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { openNamed } from "./connect.ts";
import { PipeClosed } from "./output.ts";
import { cli, cliJson, fleetFolder } from "./test_cli.ts";

/** Port 1 of loopback: nobody listens there. */
const nowhere: DatabaseTarget = { kind: "url", url: "postgres://u:hidden@127.0.0.1:1/db" };

Deno.test("runCli() answers help with 0 and wrong arguments with 2, naming what would do", async () => {
  for (const args of [["--help"], ["keys", "create", "--help"], ["wake", "-h"]]) {
    const ran = await cli(nowhere, args);
    assert.equal(ran.code, 0, args.join(" "));
    assert.match(ran.out, /^Usage: deno task cli/);
  }
  assert.match((await cli(nowhere, ["--help"])).out, /78 wrong configuration/);
  const wrong = [
    [],
    ["nonsense"],
    ["keys"],
    ["keys", "create"],
    ["keys", "list", "-o", "xml"],
    ["usage", "list", "--limit", "1001"],
    ["usage", "list", "--since", "yesterday"],
    ["usage", "summary", "--by", "moon"],
    ["wake"],
  ];
  for (const args of wrong) {
    const ran = await cli(nowhere, args);
    assert.equal(ran.code, 2, args.join(" "));
    assert.equal(ran.out, "");
    assert.notEqual(ran.err, "");
  }
});

Deno.test("runCli() answers an unreachable database with 69, without password or stack", async () => {
  const ran = await cli(nowhere, ["keys", "list"]);
  assert.equal(ran.code, 69);
  assert.match(
    ran.err,
    /^Cannot reach the database db on 127\.0\.0\.1:1: .*; start it, or mend DATABASE_URL\n$/,
  );
  assert.doesNotMatch(ran.err, /hidden/);
});

Deno.test("runCli() tells a database of another version, and an empty one", async () => {
  await using db = await testDatabase();
  await db.sql`insert into schema_migrations (name, sha256) values ('9999_later.sql', 'x')`;
  assert.match((await cli(db.target, ["keys", "list"])).err, /newer than this program/);
  await db.sql`delete from schema_migrations where name like '9999%' or name like '0003%'`;
  assert.match((await cli(db.target, ["keys", "list"])).err, /older than this program/);
  await db.sql`drop table schema_migrations`;
  const empty = await cli(db.target, ["keys", "list"]);
  assert.equal(empty.code, 69);
  assert.match(empty.err, /start the gateway once/);
});

Deno.test("openNamed() says what to set when the environment leads nowhere", async () => {
  const root = await Deno.makeTempDir({ prefix: "emberlane-cli-" });
  const named = (env: Record<string, string>) =>
    openNamed({ env, root, err: () => assert.fail("nothing was started") }, false);
  await assert.rejects(named({}), {
    exitCode: 69,
    message: /Cannot find a database under .*\/data: start/,
  });
  await assert.rejects(named({ DATABASE_URL: "mysql://x" }), {
    exitCode: 78,
    message: /DATABASE_URL/,
  });
  await Deno.remove(root, { recursive: true });
});

Deno.test("config check names every problem and exits 78; a good file exits 0", async () => {
  await using fleet = await fleetFolder();
  const bad = await cliJson(nowhere, ["config", "check"], { ...fleet, env: { PORT: "x" } });
  assert.equal(bad.code, 78);
  const report = z.object({ ok: z.boolean(), problems: z.array(z.object({ where: z.string() })) });
  assert.deepEqual(report.parse(bad.json), {
    ok: false,
    problems: [{ where: "environment PORT" }],
  });
  const people = await cli(nowhere, ["config", "check"], fleet);
  assert.equal(people.code, 78);
  assert.match(
    people.err,
    /lineup\.0\.static\.key_env: FIRST_KEY — set FIRST_KEY in the environment/,
  );

  const good = await cli(nowhere, ["config", "check"], { ...fleet, env: { FIRST_KEY: "k" } });
  assert.equal(good.code, 0, good.err);
  assert.match(good.out, /fleet\.yaml can be used/);
  assert.equal((await cli(nowhere, ["config", "check", "other.yaml"], fleet)).code, 78);
});

Deno.test("usage list and usage summary print exact costs, and page", async () => {
  await using db = await testDatabase();
  await db.sql`
    insert into usage (
      id, opened_at, request_id, account_id, key_id, replica_id, route, model_asked, model, tier, band, machine_id,
      stream, admit_ms, wait_ms, prompt_tokens, completion_tokens, closed_at, status, ended, cost_nano_usd
    )
    select 'req_' || n, now() - n * interval '1 minute', 'x', 'acc_1', 'key_1', 'rep_1', '/v1/chat/completions',
      'small', 'small', 'first', 'spot', 'mac_1', true, 1, 0, 10, 5, now(), 200, 'complete', 1234
    from generate_series(1, 3) as n`;
  const page = z.object({
    rows: z.array(z.object({ id: z.string(), cost_usd: z.string(), cost_nano_usd: z.string() })),
    next: z.string().nullable(),
  });
  const first = page.parse((await cliJson(db.target, ["usage", "list", "--limit", "2"])).json);
  assert.deepEqual(first.rows, [
    { id: "req_1", cost_usd: "0.000001234", cost_nano_usd: "1234" },
    { id: "req_2", cost_usd: "0.000001234", cost_nano_usd: "1234" },
  ]);
  const rest = await cliJson(db.target, ["usage", "list", "--after", first.next ?? ""]);
  assert.deepEqual(page.parse(rest.json).rows.map((row) => row.id), ["req_3"]);
  assert.equal(page.parse(rest.json).next, null);
  const recent = await cliJson(db.target, ["usage", "list", "--since", "90s"]);
  assert.deepEqual(page.parse(recent.json).rows.map((row) => row.id), ["req_1"]);
  const open = await cliJson(db.target, ["usage", "list", "--open"]);
  assert.deepEqual(page.parse(open.json).rows, []);

  const summary = await cli(db.target, ["usage", "summary", "--by", "model"]);
  assert.match(
    summary.out,
    /^MODEL +REQUESTS .* COST \(USD\)\nsmall +3 +0 +0 +30 +15 +0 +0\.000003702\n$/,
  );
});

Deno.test("journal shows the newest entries oldest first, and --follow adds late ones too", async () => {
  await using db = await testDatabase();
  const now = systemClock.now();
  const write = (because: string, at: number) =>
    note(db.sql, { because, tier: "first" }, instant(at));
  for (let i = 0; i < 3; i++) await write(`entry ${i}`, now - 10_000 + i);
  const tail = await cli(db.target, ["journal", "--tail", "2"]);
  assert.match(tail.out, /entry 1[^]*entry 2/);
  assert.doesNotMatch(tail.out, /entry 0/);

  const leaving = new AbortController();
  const seen: string[] = [];
  const ran = await cli(db.target, ["journal", "--follow", "--tail", "1", "-o", "json"], {
    signal: leaving.signal,
    out(text) {
      const lines = text.trim().split("\n");
      seen.push(
        ...lines.map((line) => z.object({ because: z.string() }).parse(JSON.parse(line)).because),
      );
      if (seen.length === 1) write("new", systemClock.now());
      // Its clock is behind, so its id sorts before those already shown.
      if (seen.length === 2) write("late", now - 20_000);
      if (seen.length === 3) leaving.abort();
    },
  });
  assert.equal(ran.code, 130);
  assert.deepEqual(seen, ["entry 2", "new", "late"]);
});

Deno.test("runCli() ends quietly when nobody reads the answer any more", async () => {
  await using db = await testDatabase();
  const ran = await cli(db.target, ["keys", "list"], {
    out() {
      throw new PipeClosed("nobody reads the answer");
    },
  });
  assert.equal(ran.code, 0);
  assert.equal(ran.err, "");
});

Deno.test("the cli runs with the permissions of its task, and starts and stops the embedded database", async () => {
  await using home = await dataFolder();
  const made = await runProcess(home.env, "keys", "create", "--name", "first");
  assert.equal(made.code, 0, made.err);
  assert.match(made.err, /Started the database/);
  const list = await runProcess(home.env, "keys", "list");
  assert.match(list.out, /sk-ember-\S{7} +first +default +active/);
  // It was stopped after the first command, or the second had not had to start it.
  assert.match(list.err, /Started the database/);
});

Deno.test("the cli uses the database of the running gateway and leaves it running", async () => {
  await using home = await dataFolder();
  await using database = await startEmbeddedAsGateway(home.dataDir);
  const made = await runProcess(home.env, "keys", "create", "--name", "first");
  assert.equal(made.code, 0, made.err);
  assert.doesNotMatch(made.err, /Started the database/);
  assert.deepEqual(await readiness(database.sql), { ready: true });
});

/** Runs the cli as its task does. */
async function runProcess(env: Record<string, string>, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-prompt", "--allow-net", "--allow-read", "--allow-write", "--allow-env"],
      ...["--allow-sys", "--allow-run", fileURLToPath(new URL("./main.ts", import.meta.url))],
      ...args,
    ],
    env,
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

async function dataFolder() {
  const dir = await Deno.makeTempDir({ prefix: "emberlane-cli-" });
  await Deno.chmod(dir, 0o755); // root's database is run by another user
  const dataDir = `${dir}/data`;
  return {
    dataDir,
    env: { DATA_DIR: dataDir, DATABASE_URL: "", NO_COLOR: "1" },
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

/** Where replica/replica.ts starts it. */
async function startEmbeddedAsGateway(dataDir: string) {
  const server = await startEmbedded(dataDir);
  const sql = openDatabase(server.target, { applicationName: "test", maxConnections: 1 });
  return {
    sql,
    async [Symbol.asyncDispose]() {
      await sql.end({ timeout: 1 });
      await server.stop();
    },
  };
}
