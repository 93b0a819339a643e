/**
 * The figures read roll-ups. Over random histories, with rows that come late, are swept, stay open or change machines,
 * and clocks that differ, they answer what the raw rows answer, in every window of whole minutes.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Instant, instant, systemClock } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { newId } from "@/lib/kernel/ids.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { snapshotTaker } from "@/lib/ledger/billing_snapshots.ts";
import { type FoldName, readFolds, runFold } from "@/lib/ledger/folds.ts";
import { rollUp } from "@/lib/ledger/rollups.ts";
import type { BilledResource } from "@/lib/providers/billing.ts";
import { type Provider, ProviderError } from "@/lib/providers/provider.ts";
import { independentTime, type Machine } from "./independent_time.ts";

const RUNS = Number(Deno.env.get("ROLLUP_RUNS") ?? 6);
const WINDOWS = 12;
const MINUTE = 60_000;
const DAY = 86_400_000;
/** The history runs over a midnight and several full hours. */
const START = Date.parse("2026-11-19T22:20:00Z");
const LAST_MIN = 200;
const WATTS = 700;
const at = (min: number): Instant => instant(START + Math.round(min * MINUTE));

const PLACES = ["waking", "loading", "ready", "draining", "napping", "stopping", "asleep"];
const MACHINES = [
  { id: "mac_a1", tier: "a", provider: "billed" },
  { id: "mac_a2", tier: "a", provider: "billed" },
  { id: "mac_b1", tier: "b", provider: "billed" },
  { id: "mac_c1", tier: "c", provider: "ours" },
];
/** Minutes with a fraction, to the millisecond. */
const minutes = (min: number, max: number) =>
  fc.integer({ min: min * MINUTE, max: max * MINUTE }).map((ms) => ms / MINUTE);

const request = fc.record({
  openedMin: minutes(-5, LAST_MIN),
  /** Below 0: the replica that closed it had a slower clock than the one that opened it. */
  lastsMin: minutes(-0.05, 40),
  machine: fc.nat(MACHINES.length - 1),
  model: fc.constantFrom("small", "large"),
  tokens: fc.nat(5_000),
  end: fc.constantFrom("complete", "complete", "refused", "timed_out", "swept", "open", "moved"),
  waited: fc.boolean(),
  /** In which of three rounds it is written, or closed. */
  round: fc.nat(2),
});
type Request = typeof request extends fc.Arbitrary<infer T> ? T : never;

const history = fc.record({
  requests: fc.array(request, { minLength: 5, maxLength: 60 }),
  /** In the journal's order; the times mostly grow. */
  moves: fc.tuple(...MACHINES.map(() =>
    fc.array(
      fc.record({
        afterMin: minutes(-0.2, 50),
        to: fc.constantFrom(...PLACES),
      }),
      { maxLength: 10 },
    )
  )),
  /** For each minute: what was billed in it, or why nothing is known. */
  bills: fc.array(
    fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: -20_000_000, max: 80_000_000 }) },
      { weight: 1, arbitrary: fc.constantFrom("gap" as const, "nobody" as const) },
    ),
    { minLength: LAST_MIN, maxLength: LAST_MIN },
  ),
  watchedFromMin: fc.nat(80),
  /** Within what is billed, over its edges, and over whole days. */
  windows: fc.array(
    fc.oneof(
      fc.tuple(fc.integer({ min: 60, max: LAST_MIN - 40 }), fc.integer({ min: 1, max: 60 })),
      fc.tuple(fc.integer({ min: -20, max: LAST_MIN + 60 }), fc.integer({ min: 1, max: 260 })),
      fc.tuple(fc.integer({ min: -1_600, max: LAST_MIN }), fc.integer({ min: 1_000, max: 4_000 })),
    ),
    { minLength: WINDOWS, maxLength: WINDOWS },
  ),
});
type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

Deno.test("every fold over the roll-ups equals the same over the raw rows, however late they came", async () => {
  const folds = await readFolds();
  await fc.assert(
    fc.asyncProperty(history, async (random) => {
      await using database = await testDatabase();
      const { sql } = database;
      const machines = await play(sql, random);
      for (const [from, length] of random.windows) {
        await compare(sql, folds, machines, at(from), at(from + length));
      }
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
});

async function compare(
  sql: Sql,
  folds: ReadonlyMap<FoldName, string>,
  machines: readonly Machine[],
  from: Instant,
  to: Instant,
): Promise<void> {
  const fold = <Name extends FoldName>(name: Name, since = from, until = to) =>
    runFold(sql, folds, name, { from: since, to: until });
  const raw = <Name extends FoldName>(name: Name, since = from, until = to) =>
    runFold(sql, RAW, name, { from: since, to: until });
  for (
    const name of [
      "requests_and_tokens",
      "tokens_by_day",
      "wake_timeouts",
      "spend",
      "realised_cost",
    ] as const
  ) {
    assert.deepEqual(await fold(name), await raw(name), name);
  }
  const time = independentTime(machines, from, to);
  assert.deepEqual(await fold("machine_time"), time);
  const powered = time.reduce((sum, { powered_s }) => sum + powered_s, 0);
  const busy = time.reduce((sum, { busy_s }) => sum + busy_s, 0);
  const shares = await fold("utilisation");
  assert.deepEqual(
    shares.map(({ tier }) => tier),
    time.length === 0 ? [] : ["", ...time.map(({ tier }) => tier)],
  );
  if (shares[0] !== undefined) close(Number(shares[0].utilisation), busy / powered);
  await compareDays(fold, raw, machines, from, to);
  await compareModels(sql, fold, raw, from, to);
}

type Fold = <Name extends FoldName>(
  name: Name,
  since?: Instant,
  until?: Instant,
) => ReturnType<typeof runFold<Name>>;

/** A day of a by-day fold is the plain fold over that part of the window. */
async function compareDays(
  fold: Fold,
  raw: Fold,
  machines: readonly Machine[],
  from: Instant,
  to: Instant,
): Promise<void> {
  const [costs, spends, energies] = [
    await fold("cost_by_day"),
    await fold("spend_by_day"),
    await fold("energy_by_day"),
  ];
  let seen = 0;
  for (let day = Math.floor(from / DAY) * DAY; day < to; day += DAY) {
    const [since, until] = [instant(Math.max(day, from)), instant(Math.min(day + DAY, to))];
    const name = new Date(day).toISOString().slice(0, 10);
    const cost = costs.find((row) => row.day === name);
    const fleet = (await raw("realised_cost", since, until)).find(({ tier }) => tier === "");
    assert.equal(cost === undefined, fleet === undefined, name);
    if (cost !== undefined && fleet !== undefined) {
      assert.equal(Number(cost.usd), Number(fleet.usd ?? 0));
      assert.deepEqual([cost.tokens, cost.edge_unknown], [fleet.tokens, fleet.edge_unknown]);
      if (fleet.usd !== null) assert.equal(cost.usd_per_mtok, fleet.usd_per_mtok);
    }
    const spend = spends.find((row) => row.day === name);
    assert.equal(spend?.edge_unknown, cost?.edge_unknown);
    const tiers = await raw("spend", since, until);
    const sum = (key: "usd" | "idle_usd" | "serving_usd" | "unknown_usd" | "storage_usd") =>
      tiers.reduce((total, row) => total + Number(row[key]), 0);
    for (const key of ["usd", "idle_usd", "serving_usd", "unknown_usd", "storage_usd"] as const) {
      close(Number(spend?.[key] ?? 0), sum(key));
    }
    const time = independentTime(machines, since, until);
    const energy = energies.filter((row) => row.day === name);
    assert.deepEqual(energy.map(({ tier }) => tier), time.map(({ tier }) => tier));
    for (const [i, { tier, powered_s }] of time.entries()) {
      const row = energy[i];
      close(Number(row?.powered_h), powered_s / 3_600);
      if (tier === "a") close(Number(row?.kwh), (powered_s / 3_600) * WATTS / 1_000);
      else assert.deepEqual([row?.watts, row?.kwh, row?.wh_per_mtok], [null, null, null]);
    }
    seen += energy.length;
  }
  assert.equal(seen, energies.length);
}

/** A tier's money over its models by their part of its tokens; nothing is lost. */
async function compareModels(
  sql: Sql,
  fold: Fold,
  raw: Fold,
  from: Instant,
  to: Instant,
): Promise<void> {
  const used = await sql.unsafe<{ tier: string; model: string; tokens: number; output: number }[]>(
    RAW.get("cost_by_model") ?? "",
    [new Date(from).toISOString(), new Date(to).toISOString()],
  );
  const expected = new Map<string, { usd: number; tokens: number; output: number }>();
  const give = (model: string, usd: number, tokens: number, output: number) => {
    const row = expected.get(model) ?? { usd: 0, tokens: 0, output: 0 };
    expected.set(model, {
      usd: row.usd + usd,
      tokens: row.tokens + tokens,
      output: row.output + output,
    });
  };
  const tiers = (await raw("realised_cost")).filter(({ tier }) => tier !== "");
  for (const { tier, usd } of tiers) {
    const models = used.filter((row) => row.tier === tier);
    const all = models.reduce((sum, { tokens }) => sum + tokens, 0);
    for (const { model, tokens, output } of models) {
      give(model, Number(usd ?? 0) * tokens / all, tokens, output);
    }
    if (models.length === 0) give("", Number(usd ?? 0), 0, 0);
  }
  const rows = await fold("cost_by_model");
  const named = [...expected].filter(([model, { usd }]) => model !== "" || Math.abs(usd) > 1e-12);
  assert.deepEqual(rows.map(({ model }) => model).sort(), named.map(([model]) => model).sort());
  for (const { model, usd, tokens, edge_unknown, usd_per_mtok, usd_per_mtok_output } of rows) {
    const due = expected.get(model) ?? assert.fail(model);
    close(Number(usd), due.usd);
    assert.equal(tokens, due.tokens);
    for (
      const [rate, of] of [[usd_per_mtok, due.tokens], [usd_per_mtok_output, due.output]] as const
    ) {
      if (edge_unknown || of === 0) assert.equal(rate, null);
      else close(Number(rate) * of / 1e6, due.usd);
    }
  }
}

const close = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 2e-5, `${actual}, expected ${expected}`);

const RAW: ReadonlyMap<FoldName, string> = new Map(
  await Promise.all(
    (["requests_and_tokens", "tokens_by_day", "wake_timeouts", "spend", "realised_cost"] as const)
      .concat(["cost_by_model"] as never[])
      .map(async (name) =>
        [
          name as FoldName,
          await Deno.readTextFile(new URL(`raw/${name}.sql`, import.meta.url)),
        ] as const
      ),
  ),
);

/** Writes a history down in three rounds with roll-ups between them, and rolls up once more at a later midnight. */
async function play(sql: Sql, random: History): Promise<Machine[]> {
  for (const [slot, { id, tier, provider }] of MACHINES.entries()) {
    await sql`
      insert into machines (id, tier, slot, provider, place)
      values (${id}, ${tier}, ${slot}, ${provider}, 'asleep')`;
  }
  await sql`
    insert into lineups (id, sha256, document, in_force_from)
    values ('lin_1', 'x', ${
    sql.json([{ name: "a", watts: WATTS }, { name: "b" }, { name: "c" }])
  }, ${new Date(at(-1_000))})`;
  const machines = MACHINES.map(({ tier }, i) => ({
    tier,
    moves: (random.moves[i] ?? []).reduce<{ atMs: number; to: string }[]>(
      (made, { afterMin, to }) => [
        ...made,
        { atMs: (made.at(-1)?.atMs ?? at(-3)) + Math.round(afterMin * MINUTE), to },
      ],
      [],
    ),
    runs: [] as { openedMs: number; closedMs: number | null }[],
  }));
  await bill(sql, random);
  for (let round = 0; round < 3; round++) {
    for (const [i, { moves }] of machines.entries()) {
      // A third of the journal each time: a machine's later moves are not known yet when minutes are first rolled.
      const third = Math.ceil(moves.length / 3);
      for (const [nr, move] of moves.entries()) {
        if (Math.floor(nr / third) !== round) continue;
        await sql`
          insert into operations (id, at, kind, machine_id, tier, generation, from_place, to_place, because)
          values (${newId("opr", systemClock.now())}, ${new Date(move.atMs)}, 'move',
            ${MACHINES[i]?.id ?? ""}, ${MACHINES[i]?.tier ?? ""}, ${nr + 1}, 'x', ${move.to}, 't')`;
      }
    }
    for (const [nr, one] of random.requests.entries()) await write(sql, one, nr, round);
    await rollUp(sql, at((LAST_MIN * (round + 1)) / 3));
  }
  await rollUp(sql, instant(Math.ceil(at(LAST_MIN + 4_000) / DAY) * DAY));
  for (const row of await runs(sql)) {
    machines[MACHINES.findIndex(({ id }) => id === row.machine)]?.runs.push(row);
  }
  return machines;
}

async function runs(sql: Sql) {
  const rows = await sql<{ machine: string; opened: Date; closed: Date | null }[]>`
    select machine_id as machine, opened_at as opened, closed_at as closed from usage
    where machine_id is not null`;
  return rows.map(({ machine, opened, closed }) => (
    { machine, openedMs: opened.getTime(), closedMs: closed?.getTime() ?? null }
  ));
}

/** Opened in the first round, unless it is written whole and late; closed, or moved, in its own round. */
async function write(sql: Sql, one: Request, nr: number, round: number): Promise<void> {
  const id = `req_${nr}`;
  const opened = new Date(at(one.openedMin));
  const closed = new Date(at(one.openedMin + one.lastsMin));
  const { id: machine, tier } = MACHINES[one.machine] ?? assert.fail();
  const isRefused = one.end === "refused" || one.end === "timed_out";
  if (round === (isRefused ? one.round : 0)) {
    await sql`
      insert into usage (
        id, opened_at, request_id, account_id, key_id, replica_id, route, model_asked, model, tier, band,
        machine_id, wake_id, stream, admit_ms, wait_ms, prompt_tokens, completion_tokens, closed_at, status,
        ended, error_code, cost_nano_usd
      ) values (
        ${id}, ${opened}, 'r', 'acc_1', 'key_1', 'rep_1', '/v1', 'm', ${one.model},
        ${isRefused ? null : tier}, ${isRefused ? null : "spot"}, ${isRefused ? null : machine},
        ${one.waited ? "wak_1" : null}, true, 0, 0, ${one.tokens}, 3, ${isRefused ? closed : null},
        ${isRefused ? 503 : null}, ${isRefused ? "refused" : null},
        ${one.end === "timed_out" ? "wake_timeout" : null}, ${isRefused ? 0 : null}
      )`;
  }
  if (isRefused || round !== one.round || one.end === "open") return;
  if (one.end === "moved") {
    const next = MACHINES[(one.machine + 1) % MACHINES.length] ?? assert.fail();
    await sql`update usage set machine_id = ${next.id}, tier = ${next.tier} where id = ${id}`;
  }
  // A sweep closes long after the replica died.
  const ended = one.end === "swept" ? new Date(closed.getTime() + 90 * MINUTE) : closed;
  await sql`
    update usage set closed_at = ${ended}, status = 200, cost_nano_usd = 0, completion_tokens = ${one.tokens},
      ended = ${one.end === "swept" ? "interrupted" : "complete"}
    where id = ${id}`;
}

/** Bills each minute through the real snapshot taker: a machine of each billed tier, and a disk. */
async function bill(sql: Sql, { bills, watchedFromMin }: History): Promise<void> {
  let answer: readonly BilledResource[] | null = null;
  const billing = {
    usage: () =>
      answer === null
        ? Promise.reject(new ProviderError("unavailable", "billed", "usage", "no answer"))
        : Promise.resolve({ resources: answer, raw: {} }),
  };
  const take = await snapshotTaker({
    sql,
    providers: new Map([["billed", { name: "billed", billing } as unknown as Provider]]),
    replicaId: "rep_test",
    clock: systemClock,
    log: silentLog,
  });
  const totals = [0n, 0n, 0n];
  for (const [min, billed] of bills.entries()) {
    if (min < watchedFromMin || billed === "nobody") continue;
    if (typeof billed === "number") {
      totals[min % 3] = (totals[min % 3] ?? 0n) + BigInt(billed);
      totals[2] = (totals[2] ?? 0n) + 1_000n;
    }
    answer = billed === "gap" ? null : totals.map((totalNanoUsd, i) => ({
      resourceId: `r${i}`,
      kind: i === 2 ? "volume" as const : "machine" as const,
      name: `r${i}`,
      machineId: ["mac_a1", "mac_b1", "mac_a2"][i] ?? null,
      nanoUsdPerMinute: 1n,
      totalNanoUsd,
      active: true,
      createdAt: at(0),
      terminatedAt: null,
    }));
    await take(new Date(at(min)), new AbortController().signal);
  }
}
