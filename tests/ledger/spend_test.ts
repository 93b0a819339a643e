/** Bills over random histories: the published SQL and an independent fold agree to the nano-dollar. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { instant, systemClock } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { newId } from "@/lib/kernel/ids.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { snapshotTaker } from "@/lib/ledger/billing_snapshots.ts";
import { readFolds, runFold } from "@/lib/ledger/folds.ts";
import { rollUp } from "@/lib/ledger/rollups.ts";
import type { BilledResource } from "@/lib/providers/billing.ts";
import { type Provider, ProviderError } from "@/lib/providers/provider.ts";
import { type History, independentFold, type Minute, type Reading } from "./independent_fold.ts";

const START = Date.parse("2026-11-20T00:00:00Z");
const at = (min: number) => new Date(START + Math.round(min * 60_000));
const RUNS = Number(Deno.env.get("SPEND_RUNS") ?? 40);
const PLACES = [
  "creating",
  "waking",
  "loading",
  "ready",
  "draining",
  "napping",
  "stopping",
  "asleep",
];
const MACHINES = 2;
const LAST_MIN = 12;

/** A resource's life as the provider bills it: a total that mostly grows, may fall, and may be missing for a while. */
const life = fc.record({
  resource: fc.constantFrom("r1", "r2", "r3"),
  createdMin: fc.option(
    fc.oneof(fc.integer({ min: -62, max: -58 }), fc.integer({ min: -5, max: LAST_MIN })),
    { nil: null },
  ),
  kind: fc.constantFrom("machine" as const, "volume" as const),
  machine: fc.option(fc.integer({ min: 0, max: MACHINES - 1 }), { nil: null }),
  steps: fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.bigInt(0n, 50_000_000n) },
      { weight: 1, arbitrary: fc.bigInt(-20_000_000n, -1n) },
      { weight: 1, arbitrary: fc.constant(null) },
    ),
    { minLength: LAST_MIN + 1, maxLength: LAST_MIN + 1 },
  ),
});

const histories: fc.Arbitrary<History> = fc.record({
  lives: fc.uniqueArray(life, {
    maxLength: 4,
    selector: ({ resource, createdMin }) => `${resource} ${createdMin}`,
  }),
  /** What became of each minute: read, failed, or asked by nobody. */
  outcomes: fc.array(fc.constantFrom("read", "read", "read", "gap", "nobody"), {
    minLength: LAST_MIN + 1,
    maxLength: LAST_MIN + 1,
  }),
  moves: fc.array(
    fc.array(
      fc.record({
        atMin: fc.double({ min: -3, max: LAST_MIN, noNaN: true }),
        to: fc.constantFrom(...PLACES),
      }),
      { maxLength: 6 },
    ),
    { minLength: MACHINES, maxLength: MACHINES },
  ),
  requests: fc.array(
    fc.array(
      fc.record({
        fromMin: fc.double({ min: -2, max: LAST_MIN, noNaN: true }),
        lastsMin: fc.option(fc.double({ min: 0, max: 4, noNaN: true }), { nil: null }),
      }),
      { maxLength: 4 },
    ),
    { minLength: MACHINES, maxLength: MACHINES },
  ),
}).map(({ lives, outcomes, moves, requests }) => ({
  minutes: outcomes.flatMap((outcome, min): Minute[] => {
    if (outcome === "nobody") return [];
    if (outcome === "gap") return [{ min, readings: null }];
    const readings = lives.flatMap((one): Reading[] => {
      if (one.steps[min] === null || (one.createdMin ?? -99) > min) return [];
      const total = one.steps.slice(0, min + 1).reduce<bigint>(
        (sum, step) => sum + (step ?? 0n),
        0n,
      );
      const { resource, createdMin, kind, machine } = one;
      return [{ resource, createdMin, kind, machine, total }];
    });
    return [{ min, readings }];
  }),
  // Milliseconds are what a database keeps of our times.
  moves: moves.map((all) =>
    all.map(({ atMin, to }) => ({ atMin: whole(atMin), to })).sort((a, b) => a.atMin - b.atMin)
  ),
  requests: requests.map((all) =>
    all.map(({ fromMin, lastsMin }) => ({
      fromMin: whole(fromMin),
      toMin: lastsMin === null ? null : whole(fromMin) + whole(lastsMin),
    }))
  ),
}));

const whole = (min: number) => Math.round(min * 60_000) / 60_000;

function providerOf(name: string, answer: () => readonly BilledResource[] | null): Provider {
  const billing = {
    usage() {
      const resources = answer();
      if (resources === null) {
        return Promise.reject(new ProviderError("unavailable", name, "usage", "no answer"));
      }
      return Promise.resolve({ resources, raw: { count: resources.length } });
    },
  };
  return { name, billing } as unknown as Provider;
}

/** Plays a history into the database through the real snapshot taker, and answers what the spend table says. */
async function play(sql: Sql, history: History) {
  const provider = newId("rep", systemClock.now()); // a name no other run has
  const machines: string[] = [];
  for (let slot = 0; slot < MACHINES; slot++) {
    const id = newId("mac", systemClock.now());
    machines.push(id);
    await sql`
      insert into machines (id, tier, slot, provider, place)
      values (${id}, ${provider}, ${slot}, ${provider}, 'asleep')
    `;
    for (const [i, { atMin, to }] of (history.moves[slot] ?? []).entries()) {
      await sql`
        insert into operations (id, at, kind, machine_id, tier, generation, from_place, to_place, because)
        values (${newId("opr", systemClock.now())}, ${at(atMin)}, 'move', ${id}, ${provider}, ${
        i + 1
      }, 'x', ${to}, 't')
      `;
    }
    for (const { fromMin, toMin } of history.requests[slot] ?? []) {
      const closed = toMin === null ? null : at(toMin);
      await sql`
        insert into usage (
          id, opened_at, request_id, account_id, key_id, replica_id, route, model_asked, model, tier, band, machine_id,
          stream, admit_ms, wait_ms, prompt_tokens, completion_tokens, closed_at, status, ended, cost_nano_usd
        ) values (
          ${newId("req", systemClock.now())}, ${
        at(fromMin)
      }, 'r', 'acc_1', 'key_1', 'rep_1', '/v1', 'm', 'm',
          ${provider}, 'spot', ${id}, false, 0, 0, 600, 400, ${closed}, ${
        closed === null ? null : 200
      },
          ${closed === null ? null : "complete"}, ${closed === null ? null : "0"}
        )
      `;
    }
  }
  let answer: readonly BilledResource[] | null = null;
  const take = await snapshotTaker({
    sql,
    providers: new Map([[provider, providerOf(provider, () => answer)]]),
    replicaId: "rep_test",
    clock: systemClock,
    log: silentLog,
  });
  for (const { min, readings } of history.minutes) {
    answer = readings?.map(({ resource, createdMin, kind, machine, total }) => ({
      resourceId: resource,
      kind,
      name: resource,
      machineId: machine === null ? null : machines[machine] ?? null,
      nanoUsdPerMinute: 1n,
      totalNanoUsd: total,
      active: true,
      createdAt: createdMin === null ? null : instant(at(createdMin).getTime()),
      terminatedAt: null,
    })) ?? null;
    const signal = new AbortController().signal;
    await take(at(min), signal);
    await take(at(min), signal); // another replica, or the same again: nothing changes
  }
  const rows = await sql<
    { minute: Date; resourceId: string; created: Date | number; use: string; nano: string }[]
  >`
    select minute, resource_id as "resourceId", use, nano_usd::text as nano,
      case when isfinite(resource_created_at) then resource_created_at end as created
    from spend where provider = ${provider}
  `;
  return {
    provider,
    spent: rows.map(({ minute, resourceId, created, use, nano }) => ({
      min: (minute.getTime() - START) / 60_000,
      resource: resourceId,
      createdMin: created === null ? null : (new Date(created).getTime() - START) / 60_000,
      use,
      nano: BigInt(nano),
    })),
  };
}

const order = (a: { min: number; resource: string; createdMin: number | null }, b: typeof a) =>
  a.min - b.min || a.resource.localeCompare(b.resource) ||
  (a.createdMin ?? -99) - (b.createdMin ?? -99);

Deno.test("what a history of bills came to is the same by the SQL and by an independent fold", async () => {
  await using database = await testDatabase();
  await fc.assert(
    fc.asyncProperty(histories, async (history) => {
      const { spent } = await play(database.sql, history);
      const expected = independentFold(history);
      assert.deepEqual([...spent].sort(order), [...expected].sort(order));
    }),
    { numRuns: RUNS },
  );
});

Deno.test("a total that has not changed is not written again, and costs nothing", async () => {
  await using database = await testDatabase();
  const disk = (total: bigint): Reading => (
    { resource: "disk", createdMin: 0, kind: "volume", machine: 0, total }
  );
  const totals = [5n, 5n, 5n, 8n, 8n, 2n, 5n];
  const minutes = totals.map((total, min) => ({ min, readings: [disk(total)] }));
  const history = { minutes, moves: [[], []], requests: [[], []] };
  const { provider, spent } = await play(database.sql, history);
  assert.deepEqual([...spent].sort(order), [...independentFold(history)].sort(order));
  const rows = await database.sql<{ total: number }[]>`
    select total_nano_usd::integer as total from billing_readings where provider = ${provider} order by minute
  `;
  assert.deepEqual(rows.map(({ total }) => total), [5, 8, 2, 5]);
});

Deno.test("a minute that is written after a later one counts no money twice", async () => {
  await using database = await testDatabase();
  const reading = (total: bigint): Reading => (
    { resource: "vm", createdMin: 0, kind: "machine", machine: 0, total }
  );
  const minutes = [
    { min: 0, readings: [] },
    { min: 2, readings: [reading(20n)] },
    { min: 1, readings: [reading(10n)] }, // late
    { min: 3, readings: [reading(30n)] },
  ];
  const { spent } = await play(database.sql, { minutes, moves: [[], []], requests: [[], []] });
  assert.equal(spent.reduce((sum, { nano }) => sum + nano, 0n), 30n);
});

Deno.test("realised cost divides all the money of a tier by all its tokens; gaps are told apart, and the parts add up", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  const usd = (dollars: number) => BigInt(Math.round(dollars * 1e9));
  const vm = (total: number): Reading => ({
    ...{ resource: "vm", createdMin: 0, kind: "machine", machine: 0, total: usd(total) },
  });
  const disk = (total: number): Reading => ({
    ...{ resource: "disk", createdMin: 0, kind: "volume", machine: 0, total: usd(total) },
  });
  const other: Reading = {
    ...{ resource: "other", createdMin: -9, kind: "machine", machine: null, total: usd(99) },
  };
  const history: History = {
    minutes: [
      { min: 0, readings: [other] },
      { min: 1, readings: [other, vm(0.04), disk(0.001)] }, // loading
      { min: 2, readings: [other, vm(0.08), disk(0.002)] }, // a request
      { min: 3, readings: [other, vm(0.12), disk(0.003)] }, // quiet
      { min: 4, readings: null },
      { min: 5, readings: [{ ...other, total: usd(120) }, vm(0.2), disk(0.005)] }, // across a gap
      { min: 6, readings: [other, vm(0.19), disk(0.006)] }, // a credit, asleep
    ],
    moves: [[{ atMin: 0.1, to: "loading" }, { atMin: 1.1, to: "ready" }, {
      atMin: 5.1,
      to: "asleep",
    }], []],
    requests: [[{ fromMin: 1.2, toMin: 1.9 }], []],
  };
  const { provider, spent } = await play(sql, history);
  assert.deepEqual([...spent].sort(order), [...independentFold(history)].sort(order));
  const folds = await readFolds();
  const window = { from: instant(at(0).getTime()), to: instant(at(10).getTime()) };
  assert.deepEqual(
    (await runFold(sql, folds, "spend", window)).map((row) => ({
      ...row,
      ...Object.fromEntries(
        Object.entries(row).map(([key, value]) => [key, key === "tier" ? value : Number(value)]),
      ),
    })),
    [{
      ...{ tier: provider, serving_usd: 0.04, idle_usd: 0.04, warm_up_usd: 0.04 },
      ...{ storage_usd: 0.003 + 0.001 - 0.01, unknown_usd: 0.082, usd: 0.196 },
    }],
  );
  await rollUp(sql, window.to);
  const settled = { ...window, to: instant(at(7).getTime()) };
  await rollUp(sql, window.to);
  const cost = await runFold(sql, folds, "realised_cost", settled);
  assert.deepEqual(cost.map(({ tier }) => tier), ["", provider]);
  for (const { tokens, usd_per_mtok, usd_per_mtok_output } of cost) {
    assert.deepEqual([tokens, usd_per_mtok, usd_per_mtok_output], [
      1_000,
      "196.000000",
      "490.000000",
    ]);
  }
  // Where bills are missing at an edge, the figure is unknown and not a number.
  for (const [from, to] of [[0, 10], [0, 5], [5, 7]] as const) {
    const edge = { from: instant(at(from).getTime()), to: instant(at(to).getTime()) };
    for (const row of await runFold(sql, folds, "realised_cost", edge)) {
      assert.deepEqual([row.edge_unknown, row.usd_per_mtok], [true, null], `${from}–${to}`);
    }
  }
  assert.deepEqual(await runFold(sql, folds, "billing_gaps", window), [
    { provider, minutes: 10, missing: 4 },
  ]);
  await assert.rejects(sql`delete from spend`, /append-only/);
  await assert.rejects(sql`update billing_readings set total_nano_usd = 0`, /append-only/);
});
