import assert from "node:assert/strict";
import { type Clock, later, type Millis, millis, minutes, seconds } from "@/lib/kernel/clock.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { type TestDatabase, testDatabase } from "@/lib/kernel/test_database.ts";
import type { Engine } from "@/lib/engine/engine.ts";
import { type Power, type Provider, ProviderError } from "@/lib/providers/provider.ts";
import { POLICIES } from "./decide_testing.ts";
import { readJournal } from "./journal_store.ts";
import { createKeeper } from "./keeper.ts";
import { createMachineStore } from "./sql_machine_store.ts";
import { addMachine, START } from "./stores_testing.ts";
import { askWake, recentWakes } from "./wakes_store.ts";

const ASK = { tier: "spot", requestId: null, patience: minutes(9), attempts: 2 };
const engine: Engine = {
  look: () => Promise.resolve({ health: "unreachable", portOpen: false }),
  nap: () => Promise.resolve(),
  rouse: () => Promise.resolve(),
  models: () => Promise.resolve([]),
};

/** One keeper over a provider that answers as the test says, on a clock that the test moves. */
function world(db: TestDatabase, start: Power) {
  const asked: string[] = [];
  const provider = {
    power: start,
    refusal: null as ProviderError | null,
    silence: null as ProviderError | null,
    /** It names a computer before it refuses to go on. */
    names: false,
  };
  let now = START;
  const clock: Clock = {
    now: () => now,
    elapsedMs: () => now - START,
    sleep: (_span, signal) =>
      new Promise((resolve) => signal?.addEventListener("abort", () => resolve())),
  };
  const act = (name: string) => () => {
    asked.push(name);
    return provider.refusal === null ? Promise.resolve() : Promise.reject(provider.refusal);
  };
  const cloud: Provider = {
    name: "cloud",
    capabilities: {
      ...{ rest: "asleep", creates: true, starts: true, restBilling: "storage" },
      billing: { usageSnapshot: false, instanceCost: false },
    },
    status: () => {
      const { power, silence } = provider;
      if (silence !== null) return Promise.reject(silence);
      const externalId = power === "gone" ? null : "ext-1";
      return Promise.resolve({ power, rawState: power, externalId, baseUrl: null });
    },
    async create(_ref, _key, onIdKnown) {
      if (provider.names) await onIdKnown("ext-1");
      await act("create")();
    },
    start: act("start"),
    stop: act("stop"),
    destroy: act("destroy"),
    list: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
  const keeper = createKeeper({
    clock,
    store: createMachineStore(db.sql, "rep_1", clock),
    providers: new Map([["cloud", cloud]]),
    engine,
    policyOf: () => POLICIES.spot,
    deploymentId: "dep_test",
    log: silentLog,
  });
  return {
    ...{ asked, keeper, provider },
    pass: (span: Millis) => (now = later(now, span)),
    ask: () => askWake(db.sql, ASK, now),
    moves: async () =>
      (await readJournal(db.sql, { limit: 100 })).flatMap((entry) =>
        entry.kind === "move" ? [`${entry.toPlace} ${entry.act ?? "-"}`] : []
      ),
  };
}

function refusal(
  kind: ConstructorParameters<typeof ProviderError>[0],
  retryAfterMs?: Millis,
): ProviderError {
  const options = retryAfterMs === undefined ? {} : { retryAfterMs };
  return new ProviderError(kind, "cloud", "start", "refused", options);
}

Deno.test("look() fails the wake in the look that heard of no stock, journals the class, and lets the tier cool", async () => {
  await using db = await testDatabase();
  const { asked, keeper, provider, pass, ask, moves } = world(db, "off");
  const id = await addMachine(db.sql, { provider: "cloud" });
  await addMachine(db.sql, { provider: "cloud", slot: 1 });
  assert.equal((await ask()).kind, "asked");
  provider.refusal = refusal("capacity");
  await keeper.look(id);
  assert.deepEqual(asked, ["start"]);
  assert.deepEqual(await moves(), ["waking start", "failed -"]);
  const [wake] = await recentWakes(db.sql, { limit: 1 });
  assert.equal(wake?.outcome, "failed");
  assert.match(wake?.because ?? "", /no stock/);
  const outcome = (await readJournal(db.sql, { limit: 100 })).find((each) =>
    each.kind === "outcome"
  );
  assert.ok(outcome?.kind === "outcome");
  assert.deepEqual([outcome.outcome, outcome.detail["kind"]], ["failed", "capacity"]);

  const { noStock } = POLICIES.spot;
  pass(millis(noStock - 1));
  const cooling = await ask();
  assert.ok(cooling.kind === "unavailable", "not its sister either");
  assert.equal(cooling.retryAt, later(START, noStock));
  pass(millis(1));
  assert.equal((await ask()).kind, "asked");
});

Deno.test("look() asks again when a limit's time is over, not before, and the wake goes on", async () => {
  await using db = await testDatabase();
  const { asked, keeper, provider, pass, ask, moves } = world(db, "gone");
  const id = await addMachine(db.sql, { provider: "cloud", place: { at: "absent" } });
  await ask();
  provider.refusal = refusal("rate-limited", seconds(44));
  await keeper.look(id);
  assert.deepEqual(await moves(), ["creating create", "creating -"]);
  provider.refusal = null;
  pass(seconds(43));
  await keeper.look(id);
  assert.deepEqual(asked, ["create"]);
  pass(seconds(1));
  await keeper.look(id);
  assert.deepEqual(asked, ["create", "create"]);
  const [wake] = await recentWakes(db.sql, { limit: 1 });
  assert.equal(wake?.outcome, null);
});

Deno.test("look() waits for what it sees after an answer that tells nothing, and asks again only when nothing shows", async () => {
  await using db = await testDatabase();
  const { asked, keeper, provider, pass, ask } = world(db, "off");
  const id = await addMachine(db.sql, { provider: "cloud" });
  await ask();
  provider.refusal = refusal("ambiguous-write");
  await keeper.look(id);
  provider.power = "rising";
  for (const span of [seconds(1), POLICIES.spot.reask, seconds(1)]) {
    pass(span);
    await keeper.look(id);
  }
  assert.deepEqual(asked, ["start"], "it was carried out");
});

Deno.test("look() leaves a provider alone that limits how often it is looked at, though not for over a minute", async () => {
  await using db = await testDatabase();
  const { keeper, provider, ask } = world(db, "off");
  const id = await addMachine(db.sql, { provider: "cloud" });
  await ask();
  await keeper.look(id);
  for (const [wait, expected] of [[20, 20], [300, 60]] as const) {
    provider.silence = refusal("rate-limited", seconds(wait));
    assert.deepEqual(await keeper.look(id), { againIn: seconds(expected) });
  }
  provider.silence = refusal("unavailable");
  const { againIn } = await keeper.look(id);
  assert.ok(againIn !== null && againIn < seconds(2));
});

Deno.test("look() keeps the name of a computer that was named before its creation was refused", async () => {
  await using db = await testDatabase();
  const { keeper, provider, ask, moves } = world(db, "gone");
  const id = await addMachine(db.sql, { provider: "cloud", place: { at: "absent" } });
  await ask();
  provider.refusal = refusal("capacity");
  provider.names = true;
  await keeper.look(id);
  assert.deepEqual(await moves(), ["creating create", "failed -"]);
  const [machine] = await db.sql`select external_id from machines where id = ${id}`;
  assert.equal(machine?.["external_id"], "ext-1");
});
