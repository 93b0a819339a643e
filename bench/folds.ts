/**
 * The economics page over a month of roll-ups, cold: no figure is held, so every fold runs in every window, and the page
 * is drawn. And the same folds over the raw rows of a sample, to see what the roll-ups are worth and that they say the same.
 */
import process from "node:process";
import assert from "node:assert/strict";
import { type Instant, later, millis, systemClock } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { windowOf } from "@/lib/ledger/figures_read.ts";
import { FOLD_NAMES, type FoldName, readFolds, runFold, type Window } from "@/lib/ledger/folds.ts";
import { rollUp } from "@/lib/ledger/rollups.ts";
import { makeUsageMonths } from "@/lib/ledger/usage_store.ts";
import { cpuUs } from "./processes.ts";
import { row, type Table } from "./report.ts";
import { SEEDED_DAYS, seedRollups } from "./seed_rollups.ts";
import { testSite } from "./site.ts";
import { quantiles } from "./statistics.ts";

export type FoldsOptions = {
  readonly rounds: number;
  /** Usage rows that the roll-ups are worth. */
  readonly sizes: readonly number[];
  /** Raw rows of the sample. */
  readonly sample: number;
};

/** Longer than the page holds its figures. */
const STALE_AFTER = millis(61_000);
const US_PER_MS = 1_000;
const DAY_MS = 86_400_000;
const RAW = new URL("../tests/ledger/raw/", import.meta.url);
const RAW_NAMES = ["requests_and_tokens", "tokens_by_day", "wake_timeouts"] as const;

export async function folds({ rounds, sizes, sample }: FoldsOptions): Promise<Table[]> {
  const found: ({ size: number } & Awaited<ReturnType<typeof pageOver>>)[] = [];
  for (const size of sizes) found.push({ size, ...await pageOver(size, rounds) });
  return [
    {
      title:
        `/economics over ${SEEDED_DAYS} days of roll-ups, nothing held, from request to page (ms)`,
      columns: [
        ...["usage rows' worth", "median", "p95", "CPU, ours", "CPU, database", "held, median"],
        ...["rows by minute", "by hour and day"],
      ],
      rows: found.map((of) => [
        ...row(of.size.toLocaleString("en"), [
          ...[quantiles(of.coldMs).p50, quantiles(of.coldMs).p95],
          ...[quantiles(of.oursMs).p50, quantiles(of.databaseMs).p50, quantiles(of.heldMs).p50],
        ], 1),
        ...[of.minutes, of.hours].map((n) => n.toLocaleString("en")),
      ]),
      notes: [
        `Three windows (24 hours, 7 and 30 days), ${FOLD_NAMES.length} folds over the longest. The page holds its figures for a minute: held is what all other readers wait. CPU is in ms for one page.`,
      ],
      figures: found,
    },
    await sampleTable(sample, rounds),
  ];
}

/** Medians leave out the first round. */
async function pageOver(size: number, rounds: number) {
  let skipMs = 0;
  const now = () => later(systemClock.now(), millis(skipMs));
  await using site = await testSite({ ...systemClock, now });
  const { sql } = site;
  await seedRollups(sql, systemClock.now(), size);
  const coldMs: number[] = [];
  const heldMs: number[] = [];
  const oursMs: number[] = [];
  const databaseMs: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    skipMs += STALE_AFTER;
    const before = await backendsUs(sql);
    const own = process.cpuUsage();
    const cold = await timed(() => site.ask("/economics"));
    const { user, system } = process.cpuUsage(own);
    const after = await backendsUs(sql);
    const held = await timed(() => site.ask("/economics"));
    if (round === 0) continue;
    coldMs.push(cold);
    heldMs.push(held);
    oursMs.push((user + system) / US_PER_MS);
    const spent = [...after].map(([pid, us]) => us - (before.get(pid) ?? 0));
    databaseMs.push(spent.reduce((sum, us) => sum + us, 0) / US_PER_MS);
  }
  const [count] = await sql<{ minutes: number; hours: number }[]>`
    select (select count(*) from usage_minutes) as minutes, (select count(*) from usage_spans) as hours`;
  return {
    coldMs,
    heldMs,
    oursMs,
    databaseMs,
    minutes: count?.minutes ?? 0,
    hours: count?.hours ?? 0,
  };
}

/** CPU so far of each process of the server that serves this database. */
async function backendsUs(sql: Sql): Promise<Map<number, number>> {
  const rows = await sql<{ pid: number }[]>`
    select pid from pg_stat_activity where datname = current_database()`;
  return new Map(rows.map(({ pid }) => [pid, cpuUs([pid])]));
}

async function timed(ask: () => Promise<Response>): Promise<number> {
  const startMs = performance.now();
  const response = await ask();
  const html = await response.text();
  const tookMs = performance.now() - startMs;
  if (!response.ok || !html.includes("Realised cost")) throw new Error("the page was not drawn");
  return tookMs;
}

/** A month of usage rows, rolled up as the cron would; each fold that has a raw text is run both ways and must agree. */
async function sampleTable(size: number, rounds: number): Promise<Table> {
  await using database = await testDatabase();
  const { sql } = database;
  const now = systemClock.now();
  await seedRows(sql, now, size);
  const startMs = performance.now();
  await rollUp(sql, now);
  const rollMs = performance.now() - startMs;
  await sql`vacuum analyze usage_minutes`;
  const window = windowOf("30d", now, null);
  const rolled = await readFolds();
  const rows: { name: string; rawMs: number; rolledMs: number }[] = [];
  for (const name of RAW_NAMES) {
    const raw = new Map([[name as FoldName, await Deno.readTextFile(new URL(`${name}.sql`, RAW))]]);
    const [rawTimes, rolledTimes] = [[] as number[], [] as number[]];
    for (let round = 0; round <= rounds; round++) {
      const byRaw = await foldTime(sql, raw, name, window);
      const byRolled = await foldTime(sql, rolled, name, window);
      assert.deepEqual(byRolled.rows, byRaw.rows, `${name} differs between roll-ups and rows`);
      if (round === 0) continue;
      rawTimes.push(byRaw.ms);
      rolledTimes.push(byRolled.ms);
    }
    rows.push({ name, rawMs: quantiles(rawTimes).p50, rolledMs: quantiles(rolledTimes).p50 });
  }
  return {
    title: `The same fold over ${
      size.toLocaleString("en")
    } usage rows and over their roll-ups, 30 days (ms)`,
    columns: ["", "rows", "roll-ups", "×"],
    rows: rows.map(({ name, rawMs, rolledMs }) =>
      row(name, [rawMs, rolledMs, rawMs / rolledMs], 1)
    ),
    notes: [
      `Both ways answered the same. Rolling them up for the first time took ${
        (rollMs / 1_000).toFixed(1)
      } s, ${Math.round(size / (rollMs / 1_000)).toLocaleString("en")} rows a second.`,
    ],
    figures: { rows, rollMs },
  };
}

async function foldTime(
  sql: Sql,
  texts: ReadonlyMap<FoldName, string>,
  name: FoldName,
  window: Window,
) {
  const startMs = performance.now();
  const rows = await runFold(sql, texts, name, window);
  return { rows, ms: performance.now() - startMs };
}

async function seedRows(sql: Sql, now: Instant, size: number): Promise<void> {
  await makeUsageMonths(sql, now);
  const from = new Date(now - 30 * DAY_MS);
  await sql`select make_usage_month(${from}::date)`;
  const stepUs = Math.floor((30 * DAY_MS * 1_000) / size);
  const chunk = 100_000;
  for (let first = 0; first < size; first += chunk) {
    await sql`
      insert into usage (
        id, opened_at, request_id, account_id, key_id, replica_id, route, model_asked, model, tier, band, machine_id,
        stream, admit_ms, wait_ms, prompt_tokens, completion_tokens, closed_at, status, ended, cost_nano_usd
      )
      select
        'req_' || nr, opened, 'r', 'acc_1', 'key_1', 'rep_1', '/v1', 'm', 'model-' || nr % 5, 'tier-' || nr % 3,
        'spot', 'mac_' || nr % 8, true, 0, 0, 900, 250, opened + interval '3 seconds', 200, 'complete', 0
      from generate_series(${first}::bigint, ${Math.min(size, first + chunk) - 1}::bigint) as nr
      cross join lateral (
        select ${from}::timestamptz + nr * ${stepUs}::bigint * interval '1 microsecond' as opened
      ) as at`;
  }
  await sql`vacuum analyze usage`;
}
