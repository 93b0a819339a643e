/** `billing` on a test database: what it says of bills, and of days beside the provider's own. */
import assert from "node:assert/strict";
import { type Instant, instant, manualClock } from "@/lib/kernel/clock.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import {
  billingProvider,
  PROVIDER,
  writeHistory,
} from "@/lib/ledger/publication/history_testing.ts";
import { reconcileBills } from "@/lib/ledger/reconciliation.ts";
import { cli, cliJson, fleetFolder } from "./test_cli.ts";

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;

Deno.test("billing says when bills were read, what is missing, and how past days compare", async () => {
  await using database = await testDatabase();
  await using fleet = await fleetFolder();
  const { target, sql } = database;
  const empty = await cli(target, ["billing"], fleet);
  assert.deepEqual([empty.code, empty.out], [0, "No provider of this deployment sends bills\n"]);

  const midnight = Math.floor(Date.now() / DAY) * DAY;
  await writeHistory(sql, { from: instant(midnight - 30 * MINUTE), minutes: 35, gaps: [3, 4, 32] });
  const now: Instant = instant(midnight + 2 * 60 * MINUTE);
  const theirs = {
    lastDayCost: () => Promise.resolve(400_000_000n),
    machineHistory: () =>
      Promise.resolve({
        billedNanoUsd: 1n,
        activeMinutes: 28,
        hibernatedMinutes: 1,
        offMinutes: 0,
      }),
  };
  const providers = new Map([[PROVIDER, billingProvider(PROVIDER, () => null, theirs)]]);
  await reconcileBills({ sql, providers, log: silentLog }, now, new AbortController().signal);

  const io = { ...fleet, clock: manualClock(now) };
  const { json, code } = await cliJson(target, ["billing"], io);
  assert.equal(code, 0);
  const { providers: [row], reconciliation: [day] } = json as {
    providers: Record<string, unknown>[];
    reconciliation: Record<string, unknown>[];
  };
  assert.equal(row?.["gap_minutes_24h"], 3 + (120 - 5));
  assert.equal(row?.["watched_minutes_24h"], 150);
  assert.equal(row?.["credit_unknown_because"], "no key here");
  assert.equal(day?.["missing_minutes"], 1440 - 28);
  assert.equal(day?.["ours_usd"], "0.309000203");
  assert.equal(day?.["difference_usd"], "-0.090999797");
  assert.match(
    JSON.stringify(day?.["machines"]),
    /"theirs_usd":"0\.000000001","difference_usd":"0\.279999999"/,
  );

  const { out } = await cli(target, ["billing"], io);
  assert.match(out, /whole account +0\.309000203 +0\.40 +-0\.090999797 +- +- +1412\n/);
});

Deno.test("billing says that the gate is closed, and why, once bills are stale", async () => {
  await using database = await testDatabase();
  await using fleet = await fleetFolder();
  const from = Math.floor(Date.now() / MINUTE) * MINUTE;
  await writeHistory(database.sql, { from: instant(from), minutes: 2 });
  const gateAt = async (now: number) => {
    const io = { ...fleet, clock: manualClock(now) };
    return (await cli(database.target, ["billing"], io)).out;
  };
  assert.match(await gateAt(Date.now()), / open {2}/);
  const late = await gateAt(Date.now() + DAY);
  assert.match(late, /closed: billing_unobservable/);
  assert.match(late, /\nClosed: the bill of billed was last read 86\d\d\d s ago\n/);
});
