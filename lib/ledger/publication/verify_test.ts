/** A publication of a real little history is the same worked out again; whatever is altered by hand is named. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Instant, instant, manualClock } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { readFolds } from "../folds.ts";
import { askedWindow } from "./asked_window.ts";
import type { Check } from "./check.ts";
import { writeHistory } from "./history_testing.ts";
import { type ManifestJson, readSqlFiles } from "./manifest.ts";
import { openFile } from "./publication_store.ts";
import { publish, type PublishDeps } from "./publish.ts";
import { sealDays } from "./seal_days.ts";
import { MANIFEST_FILE, verify } from "./verify.ts";

const MIDNIGHT = Date.parse("2026-11-20T00:00:00Z");
/** Just after the day before may be sealed. */
const NOW: Instant = instant(MIDNIGHT + 65 * 60_000);

/** Two hours over a midnight, with a gap of two minutes, the day before sealed. */
async function history(sql: Sql): Promise<void> {
  await writeHistory(sql, { from: instant(MIDNIGHT - 55 * 60_000), minutes: 120, gaps: [20, 21] });
  assert.deepEqual(await sealDays({ sql, log: silentLog }, NOW), ["2026-11-19"]);
}

async function published(sql: Sql, query = "window=24h", now = NOW): Promise<ManifestJson> {
  const deps: PublishDeps = {
    ...{ sql, clock: manualClock(now), log: silentLog, folds: await readFolds() },
    sqlFiles: await readSqlFiles(),
  };
  const asked = askedWindow(new URLSearchParams(query), now);
  if (typeof asked === "string") throw new Error(asked);
  return await publish(deps, asked);
}

async function saved(
  sql: Sql,
  manifest: ManifestJson,
): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "emberlane-inputs-" });
  await Deno.writeTextFile(join(path, MANIFEST_FILE), JSON.stringify(manifest));
  for (const { name } of manifest.files) {
    const body = await openFile(sql, manifest.publication, name);
    if (body === null) throw new Error(`${name} is named and not there`);
    await Deno.writeFile(join(path, name), body);
  }
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

async function checked(dir: string, knownDigest: string | null = null): Promise<Check[]> {
  await using fresh = await testDatabase();
  return await Array.fromAsync(verify({ dir, fresh: fresh.sql, knownDigest }));
}

const failures = (checks: readonly Check[]) =>
  checks.filter(({ outcome }) => outcome === "failed").map(({ name, differences }) =>
    `${name}: ${differences.join(" | ")}`
  );

/** As somebody with the database's password could, past its triggers. */
async function alter(sql: Sql, statement: string): Promise<void> {
  const changed = await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    return (await tx.unsafe(statement)).count;
  });
  assert.ok(changed > 0, `nothing is altered by: ${statement}`);
}

Deno.test("verify() passes on what was published, and says what it checked", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  await history(sql);
  const manifest = await published(sql);
  await using dir = await saved(sql, manifest);
  const checks = await checked(dir.path);
  assert.deepEqual(failures(checks), []);
  const says = (name: string) => checks.find((check) => check.name === name);
  assert.match(says("days")?.says ?? "", /^1 whole days of rows/);
  assert.match(says("spend")?.says ?? "", /^\d{3} rows of 118 bills .* the same: \$0\.\d+$/);
  assert.deepEqual(checks.filter(({ outcome }) => outcome === "not_checked"), []);
  const lines = new Map(manifest.files.map(({ name, lines }) => [name, lines]));
  assert.equal(lines.get("snapshots.csv"), 120);
  assert.equal(lines.get("journal.csv"), 10);
  assert.ok((lines.get("usage_minutes.csv") ?? 0) >= 2);
  // Days later: a longer chain, days without a row, and rows that the window counts from.
  const later = instant(NOW + 2 * 86_400_000);
  await sealDays({ sql, log: silentLog }, later);
  await using next = await saved(sql, await published(sql, "window=24h", later));
  const quiet = await checked(next.path);
  assert.deepEqual(failures(quiet), []);
  assert.match(quiet.find(({ name }) => name === "chain")?.says ?? "", /^3 days from 2026-11-19/);
});

Deno.test("verify() passes on a range that begins in the middle of a history, from the rows before it", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  await history(sql);
  const later = instant(NOW + 86_400_000);
  await sealDays({ sql, log: silentLog }, later);
  const manifest = await published(sql, "from=2026-11-20&to=2026-11-20", later);
  const lines = (name: string) => manifest.files.find((file) => file.name === name)?.lines;
  // The first bill ever and the last one; the machine and its disk; where the machine was.
  assert.deepEqual([lines("snapshots_before.csv"), lines("readings_before.csv")], [2, 2]);
  assert.deepEqual([lines("journal_before.csv"), lines("readings.csv")], [1, 65 + 29]);
  await using dir = await saved(sql, manifest);
  const checks = await checked(dir.path);
  assert.deepEqual(checks.filter(({ outcome }) => outcome !== "passed"), []);
});

Deno.test("verify() knows a resource that was not known to be ours at first, without publishing what was not", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  await history(sql);
  const minute = (text: string) => `2026-11-20 ${text}Z`;
  // The first readings of that day were nobody's; the last one before it was nobody's too.
  await alter(
    sql,
    `update billing_readings set machine_id = null, tier = null
     where resource_id = 'disk-1' and minute < '${minute("00:20")}'`,
  );
  await alter(
    sql,
    `update spend set machine_id = null, tier = null
     where resource_id = 'disk-1' and minute < '${minute("00:20")}'`,
  );
  const later = instant(NOW + 86_400_000);
  await sealDays({ sql, log: silentLog }, later);
  const manifest = await published(sql, "from=2026-11-20&to=2026-11-20", later);
  await using dir = await saved(sql, manifest);
  const checks = await checked(dir.path);
  assert.match(failures(checks).join("\n"), /^figure /, "what was folded before is known by hours");
  const readings = await Deno.readTextFile(join(dir.path, "readings.csv"));
  assert.doesNotMatch(readings, /2026-11-20 00:1\d:00\+00,billed,disk-1/);
  assert.match(readings, /2026-11-20 00:20:00\+00,billed,disk-1/);
  assert.equal(checks.find(({ name }) => name === "spend")?.outcome, "passed");
});

Deno.test("what is published tells nothing of accounts, keys, requests, reasons, or what is not ours", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  await history(sql);
  await using dir = await saved(sql, await published(sql));
  let snapshots = "";
  for await (const { name } of Deno.readDir(dir.path)) {
    const text = await Deno.readTextFile(join(dir.path, name));
    if (name === "snapshots.csv") snapshots = text;
    if (!name.endsWith(".sql")) {
      assert.doesNotMatch(text, /secret|acc_|key_|req_|foreign|theirs|asked"|quiet/, name);
    }
  }
  assert.match(snapshots, /^minute,provider,outcome,because,raw_sha256\n/);
  assert.match(snapshots, /2026-11-19 23:25:00\+00,billed,gap,unavailable,\n/);
});

Deno.test("verify() fails, and names the row, when anything that was published is altered in the database by hand", async () => {
  const alterations: [statement: string, named: RegExp[]][] = [
    [
      "update billing_readings set total_nano_usd = total_nano_usd + 10000000 where resource_id = 'vm-1' and minute = '2026-11-20 00:20Z'",
      [/spend: 2026-11-20 00:20:00\+00 billed vm-1: published 10000000 idle .*made again 20000000 idle/],
    ],
    [
      "update billing_readings set total_nano_usd = total_nano_usd - 1 where resource_id = 'disk-1' and minute = '2026-11-19 23:30Z'",
      [
        /days: 2026-11-19 readings: \d+ lines, but not those/,
        /spend: 2026-11-19 23:30:00\+00 billed disk-1/,
      ],
    ],
    [
      "update usage_minutes set prompt_tokens = prompt_tokens + 1 where recorded_at < '2026-11-20'",
      [/days: 2026-11-19 usage_minutes: 1 lines, but not those/],
    ],
    [
      "update operations set at = at + interval '3 minutes' where to_place = 'loading' and at > '2026-11-20'",
      [/machine time: 2026-11-20 00:07.* mac_1: powered/],
    ],
    ["update operations set because = 'no' where seq = 1", [/days: 2026-11-19 journal/]],
    ["delete from billing_snapshots where minute = '2026-11-19 23:59Z'", [
      /days: 2026-11-19 snapshots: 54 lines, not 55/,
    ]],
    ["update billed_machines set busy = false where minute = '2026-11-19 23:11Z'", [
      /days: 2026-11-19 billed_machines/,
      /spend: 2026-11-19 23:11/,
    ]],
    ["update spend set use = 'serving' where use = 'idle'", [
      /spend: .*published 10000000 serving .*made again 10000000 idle/,
    ]],
    ["delete from spend where minute = '2026-11-20 00:30Z'", [
      /spend: .*published nothing, made again 1000000 storage/,
    ]],
  ];
  for (const [statement, named] of alterations) {
    await using database = await testDatabase();
    const { sql } = database;
    await history(sql);
    await alter(sql, statement);
    await using dir = await saved(sql, await published(sql));
    const found = failures(await checked(dir.path));
    for (const one of named) assert.match(found.join("\n"), one, statement);
  }
});

Deno.test("verify() fails when a digest is altered, or a file after it was published; it never runs a statement of others", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  await history(sql);
  const [{ digest } = { digest: "" }] = await sql<
    { digest: string }[]
  >`select digest from ledger_days`;
  await using dir = await saved(sql, await published(sql));
  const edit = async (file: string, what: string | RegExp, by: string) => {
    const path = join(dir.path, file);
    const text = await Deno.readTextFile(path);
    const edited = text.replace(what, by);
    assert.notEqual(edited, text, file);
    await Deno.writeTextFile(path, edited);
    return async () => await Deno.writeTextFile(path, text);
  };
  const after = async (file: string, what: string | RegExp, by: string) => {
    const undo = await edit(file, what, by);
    const found = failures(await checked(dir.path));
    await undo();
    return found.join("\n");
  };
  const wrong = digest.replace(/^./, (first) => first === "0" ? "1" : "0");
  assert.match(await after("days.csv", digest, wrong), /chain: 2026-11-19: its digest is not that/);
  const drop = "drop table spend; select 1";
  const withSql = await after("spend.sql", /^/, drop);
  assert.match(withSql, /sql: spend\.sql: line 1 is another one here/);
  assert.doesNotMatch(withSql, /figure/);
  assert.match(
    await after("figures.json", '"missing": 2', '"missing": 1'),
    /figure billing_gaps: billing_gaps\.0\.missing: published 1, made again 2/,
  );
  assert.match(
    await after("readings.csv", "00:10:00+00,billed,vm-1", "00:10:00+00,billed,vm-9"),
    /files: readings\.csv[\s\S]*spend: 2026-11-20 00:10:00\+00 billed vm-1: published 10000000/,
  );
  assert.match(
    await after("usage_minutes.csv", "mac_1,m,1,0", "mac_1,m,2,0"),
    /files: usage_minutes\.csv[\s\S]*days: 2026-11-19 usage_minutes[\s\S]*figure requests_and_tokens: requests_and_tokens\.0\.requests: published 2, made again 3/,
  );
  assert.match(
    await after("readings.csv", "total_nano_usd", "totals"),
    /rows: Cannot load readings\.csv: its columns are not minute,/,
  );
  await Deno.remove(join(dir.path, "journal.csv"));
  const without = await checked(dir.path);
  assert.match(failures(without).join(), /files: journal\.csv: it is not there/);
  assert.equal(without.at(-1)?.outcome, "not_checked");
});

Deno.test("a digest that was written down is found in the chain, or history was written anew", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  await history(sql);
  const [{ digest } = { digest: "" }] = await sql<
    { digest: string }[]
  >`select digest from ledger_days`;
  await using dir = await saved(sql, await published(sql));
  assert.deepEqual(failures(await checked(dir.path, digest)), []);
  assert.match(failures(await checked(dir.path, "a".repeat(64))).join(), /^known digest: a+$/);
});

Deno.test("publish() answers the same publication while it is fresh, one at a time, and days only once they are sealed", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  await history(sql);
  const first = await published(sql);
  assert.equal(
    (await published(sql, "window=24h", instant(NOW + 599_999))).publication,
    first.publication,
  );
  assert.notEqual(
    (await published(sql, "window=24h", instant(NOW + 600_000))).publication,
    first.publication,
  );
  await assert.rejects(
    published(sql, "from=2026-11-20&to=2026-11-20"),
    /Cannot publish 2026-11-20: the last sealed day is 2026-11-19/,
  );
  await assert.rejects(
    published(sql, "from=2026-11-19&to=2026-11-19"),
    /ask again/,
    "a moment ago another was made",
  );
  const later = instant(NOW + 3_600_000);
  const day = await published(sql, "from=2026-11-19&to=2026-11-19", later);
  assert.deepEqual(day.window, { name: "2026-11-19..2026-11-19", ...day.range });
  await using dir = await saved(sql, day);
  assert.deepEqual(failures(await checked(dir.path)), []);
  await sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtextextended('publish', 0))`;
    await assert.rejects(published(sql, "window=7d"), /ask again/);
  });
  const [left] = await sql<{ n: number }[]>`
    select count(*)::integer as n from publications where manifest is null
  `;
  assert.equal(left?.n, 0, "nothing half is left");
});
