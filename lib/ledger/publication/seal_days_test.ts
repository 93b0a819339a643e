/** Days of a real database, sealed: in order, once, whole, and seen when they are changed. */
import assert from "node:assert/strict";
import { type Instant, instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { sha256Hex } from "@/lib/kernel/ids.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { chainProblems, parseContents } from "./day_chain.ts";
import { INPUTS } from "./inputs.ts";
import { writeHistory } from "./history_testing.ts";
import { linesOf, SEAL_AFTER, sealDays } from "./seal_days.ts";

const MIDNIGHT = Date.parse("2026-11-20T00:00:00Z");
const at = (minutes: number): Instant => instant(MIDNIGHT + minutes * 60_000);

const daysIn = (sql: Sql) =>
  sql<{ day: string; previousDigest: string; contents: string; digest: string }[]>`
    select to_char(day, 'YYYY-MM-DD') as day, previous_digest as "previousDigest", contents, digest
    from ledger_days order by day
  `;

Deno.test("sealDays() seals a day when it has been over for long enough, not a millisecond before, and once", async () => {
  await using database = await testDatabase();
  const deps = { sql: database.sql, log: silentLog };
  assert.deepEqual(await sealDays(deps, at(99_999)), [], "without rows there is no first day");
  await writeHistory(database.sql, { from: at(-20), minutes: 40 });
  const due = instant(MIDNIGHT + SEAL_AFTER);
  assert.deepEqual(await sealDays(deps, instant(due - 1)), []);
  assert.deepEqual(await sealDays(deps, due), ["2026-11-19"]);
  assert.deepEqual(await sealDays(deps, due), []);
});

Deno.test("sealDays() seals every day in order, those without rows too, however many replicas try", async () => {
  await using database = await testDatabase();
  const deps = { sql: database.sql, log: silentLog };
  await writeHistory(database.sql, { from: at(-5), minutes: 10 });
  const fourDaysOn = at(4 * 1440 + 61);
  const runs = await Promise.all([1, 2, 3].map(() => sealDays(deps, fourDaysOn)));
  await sealDays(deps, fourDaysOn);
  const days = await daysIn(database.sql);
  assert.deepEqual(days.map(({ day }) => day), [
    ...["2026-11-19", "2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"],
  ]);
  assert.equal(new Set(runs.flat()).size, runs.flat().length, "no day is sealed twice");
  assert.deepEqual(chainProblems(days), []);
  const [, second, third] = days;
  const lines = (contents = "") => parseContents(contents)?.map(({ name, lines }) => [name, lines]);
  assert.deepEqual(lines(second?.contents)?.slice(0, 2), [["snapshots", 5], ["readings", 10]]);
  assert.ok(parseContents(third?.contents ?? "")?.every(({ sha256 }) => sha256 === sha256Hex("")));
});

Deno.test("the table of days refuses a day that is skipped, a second first one, a wrong digest and a rewrite", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  await writeHistory(sql, { from: at(-5), minutes: 10 });
  await sealDays({ sql, log: silentLog }, at(61));
  const [first] = await daysIn(sql);
  const digest = first?.digest ?? "";
  const put = (day: string, previous: string | null, previousDigest: string, own?: string) =>
    sql`
    insert into ledger_days (day, previous_day, previous_digest, contents, digest, sealed_at)
    values (
      ${day}, ${previous}, ${previousDigest}, 'x',
      ${own ?? sha256Hex(`${previousDigest}\n${day}\nx\n`)}, now()
    )
  `;
  await assert.rejects(put("2026-11-21", "2026-11-19", digest), /check/);
  await assert.rejects(put("2026-11-21", "2026-11-20", digest), /foreign key/);
  await assert.rejects(put("2026-11-20", null, "0".repeat(64)), /ledger_days_first/);
  await assert.rejects(put("2026-11-20", "2026-11-19", "1".repeat(64)), /foreign key/);
  await assert.rejects(put("2026-11-20", "2026-11-19", digest, digest), /check/);
  await put("2026-11-20", "2026-11-19", digest);
  await assert.rejects(sql`update ledger_days set contents = 'y'`, /append-only/);
});

Deno.test("a change of any sealed kind changes the lines of its day, and of a hidden part too", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  await writeHistory(sql, { from: at(0), minutes: 40, gaps: [7] });
  const hashes = async () => {
    const found: Record<string, string> = {};
    for (const kind of INPUTS.filter(({ sealed }) => sealed)) {
      found[kind.name] = (await sql.begin((tx) => linesOf(tx, kind, "2026-11-20"))).sha256;
    }
    return found;
  };
  const before = await hashes();
  const changes: [kind: string, statement: string][] = [
    ["snapshots", "update billing_snapshots set raw = '{}' where minute = '2026-11-20 00:05Z'"],
    [
      "readings",
      "update billing_readings set total_nano_usd = total_nano_usd + 1 where resource_id = 'disk-1'",
    ],
    ["billed_machines", "update billed_machines set busy = not busy"],
    ["spend", "update spend set use = 'idle' where use = 'serving'"],
    ["journal", "update operations set because = 'another reason' where seq = 1"],
  ];
  for (const [kind, statement] of changes) {
    await sql.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      await tx.unsafe(statement);
    });
    const after = await hashes();
    const changed = Object.keys(before).filter((name) => before[name] !== after[name]);
    assert.ok(changed.includes(kind), `${kind}: ${changed}`);
    Object.assign(before, after);
  }
  // What is not of this deployment is in no line.
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`update billing_readings set total_nano_usd = 0 where resource_id = 'foreign'`;
  });
  assert.deepEqual(await hashes(), before);
});
