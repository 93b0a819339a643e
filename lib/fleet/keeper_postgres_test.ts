import assert from "node:assert/strict";
import { type Clock, instant, millis, minutes } from "@/lib/kernel/clock.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import type { Engine } from "@/lib/engine/engine.ts";
import type { Provider } from "@/lib/providers/provider.ts";
import { POLICY } from "./decide_testing.ts";
import { readJournal } from "./journal_store.ts";
import { createKeeper } from "./keeper.ts";
import { createMachineStore } from "./sql_machine_store.ts";
import { addMachine, START } from "./stores_testing.ts";
import { askWake, recentWakes } from "./wakes_store.ts";

/** A clock that stands still: nothing becomes due while keepers race. */
const still: Clock = {
  now: () => START,
  elapsedMs: () => 0,
  sleep: (_span, signal) =>
    new Promise((resolve) => signal?.addEventListener("abort", () => resolve())),
};

/** A provider with one computer, which counts what it is asked. */
function oneComputer() {
  const calls: string[] = [];
  let power: "off" | "rising" | "on" = "off";
  const refuse = () => Promise.reject(new Error("not part of this test"));
  const provider: Provider = {
    name: "local",
    capabilities: {
      rest: "asleep",
      creates: false,
      starts: true,
      restBilling: "none",
      billing: { usageSnapshot: false, instanceCost: false },
    },
    status: () =>
      Promise.resolve({
        power,
        rawState: power,
        externalId: "ext-1",
        baseUrl: power === "on" ? "http://engine.test" : null,
      }),
    start: (ref, key) => {
      calls.push(`start ${ref.machineId} ${key.generation}`);
      power = "rising";
      return Promise.resolve();
    },
    create: refuse,
    stop: refuse,
    destroy: refuse,
    list: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
  return { provider, calls, switchOn: () => (power = "on") };
}

const healthyEngine: Engine = {
  look: () => Promise.resolve({ health: "healthy", portOpen: true }),
  nap: () => Promise.resolve(),
  rouse: () => Promise.resolve(),
  models: () => Promise.resolve([]),
};

Deno.test("two keepers that race 200 looks start a machine exactly once, and serve its wake", async () => {
  await using db = await testDatabase();
  const { provider, calls, switchOn } = oneComputer();
  const keepers = ["rep_1", "rep_2"].map((replica) =>
    createKeeper({
      clock: still,
      store: createMachineStore(db.sql, replica),
      providers: new Map([["local", provider]]),
      engine: healthyEngine,
      policyOf: () => POLICY,
      deploymentId: "dep_test",
      log: silentLog,
    })
  );
  const id = await addMachine(db.sql);
  await askWake(
    db.sql,
    { tier: "spot", requestId: "req_1", patience: minutes(5), attempts: 2 },
    START,
  );

  const looks = (count: number) =>
    Promise.all(
      Array.from({ length: count }, (_, i) => keepers[i % keepers.length]?.look(id)),
    );
  await looks(200);
  assert.deepEqual(calls, [`start ${id} 1`]);
  switchOn();
  for (let round = 0; round < 3; round++) await looks(4);

  const moves = (await readJournal(db.sql, { limit: 100 })).flatMap((entry) =>
    entry.kind === "move" ? [`${entry.generation} ${entry.toPlace}`] : []
  );
  assert.deepEqual(moves, ["1 waking", "2 loading", "3 ready"]);
  const [wake] = await recentWakes(db.sql, { limit: 1 });
  assert.equal(wake?.outcome, "served");
  assert.deepEqual(
    [wake?.powerAskedAt, wake?.powerOnAt, wake?.addressAt, wake?.portOpenAt, wake?.healthyAt],
    [START, START, START, START, START],
  );
  const [machine] = await db
    .sql`select external_id, base_url, lease_holder from machines where id = ${id}`;
  assert.deepEqual({ ...machine }, {
    external_id: "ext-1",
    base_url: "http://engine.test",
    lease_holder: null,
  });
});

Deno.test("look() gives the lease back when the store or the decision fails, and asks to be called again", async () => {
  await using db = await testDatabase();
  const { provider } = oneComputer();
  const id = await addMachine(db.sql);
  const keeper = createKeeper({
    clock: still,
    store: createMachineStore(db.sql, "rep_1"),
    providers: new Map([["local", provider]]),
    engine: healthyEngine,
    policyOf: () => {
      throw new Error("no policy");
    },
    deploymentId: "dep_test",
    log: silentLog,
  });
  assert.deepEqual(await keeper.look(id), { againIn: millis(2_000) });
  const [machine] = await db.sql`select lease_holder from machines where id = ${id}`;
  assert.equal(machine?.["lease_holder"], null);
  assert.deepEqual(await keeper.look("mac_none"), { againIn: null });
});

Deno.test("lookAll() looks at every machine, and answers those that want another look", async () => {
  await using db = await testDatabase();
  const { provider } = oneComputer();
  const keeper = createKeeper({
    clock: still,
    store: createMachineStore(db.sql, "rep_1"),
    providers: new Map([["local", provider]]),
    engine: healthyEngine,
    policyOf: ({ slot }) => ({ ...POLICY, alwaysReady: slot === 1 }),
    deploymentId: "dep_test",
    log: silentLog,
  });
  await addMachine(db.sql, { slot: 0 });
  const wanted = await addMachine(db.sql, { slot: 1 });
  const again = await keeper.lookAll();
  assert.deepEqual(again.map((each) => each.machineId), [wanted]);
  assert.ok(instant(again[0]?.againIn ?? 0) >= 100);
});
