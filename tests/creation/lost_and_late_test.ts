/** Creation when answers are lost, calls fail or come late: one machine, known to us. */
import assert from "node:assert/strict";
import { manualClock } from "@/lib/kernel/clock.ts";
import { readJournal } from "@/lib/fleet/journal_store.ts";
import { machineName } from "@/lib/providers/hyperstack/machine_name.ts";
import { fakeHyperstack } from "@/lib/providers/hyperstack/fake_testing.ts";
import type { Fault, Operation } from "@/sim/hyperstack/faults.ts";
import { assertOnlyOneEver, bench, recover, wantedMachine } from "./creating.ts";
import { OPEN_GATE, providerThrough } from "./fault_points.ts";
import { makeAndKill } from "./make_and_kill.ts";

/** What a creation calls. */
const CALLS: readonly Operation[] = ["list", "name_availability", "create", "read"];
const FAULTS: readonly Fault["kind"][] = [
  "lost",
  "unheard",
  "server_error",
  "rate_limited",
  "lying_status",
];
/** Each call of the path comes at most this often before the machine is known. */
const NTH_MAX = 2;
const POST = "POST /core/virtual-machines";

for (const operation of CALLS) {
  Deno.test(`whatever becomes of a ${operation}, one machine is made, and known`, async () => {
    for (const fault of FAULTS) {
      for (let nth = 1; nth <= NTH_MAX; nth++) {
        let hits = 0;
        const log = (line: string) => void (hits += line.endsWith(`with ${fault}`) ? 1 : 0);
        await using at = await bench({ log });
        at.api.control.fault(operation, fault, { nth });
        const rounds = await recover(at);
        assert.ok(nth > 1 || hits === 1, `no ${operation} met ${fault}`);
        await assertOnlyOneEver(at, `${operation} ${fault} #${nth}`, rounds);
      }
    }
  });

  Deno.test(`a ${operation} that is answered after we gave up on it makes no second machine`, async () => {
    await using at = await bench();
    at.api.control.fault(operation, { kind: "slow", byMs: 45_000 });
    const rounds = await recover(at, { waiting: true });
    await assertOnlyOneEver(at, `${operation} slow`, rounds);
  });
}

/** When the request of a killed gateway reaches the provider after all: before this call of the next one. */
const ARRIVALS = [
  ["GET /core/virtual-machines?search", 200],
  ["GET /core/virtual-machines/name-availability/:name", 200],
  [POST, 200],
  // The next one's was first: the name is taken.
  ["GET /core/virtual-machines/:id", 409],
] as const;

for (const [arrival, answered] of ARRIVALS) {
  Deno.test(`a killed gateway's request that arrives before the next one's ${arrival} makes no second machine`, async () => {
    await using at = await bench();
    let arrive: (() => Promise<number>) | null = null;
    const onLeft = (late: () => Promise<number>) => void (arrive = late);
    const { struck: killed } = await makeAndKill(at, `${POST} asked #1`, { onLeft });
    assert.ok(killed && arrive !== null, "a request was under way");
    assert.equal(at.api.control.vms().length, 0);
    const arrived: (number | undefined)[] = [];
    const before = async (effect: string) => {
      if (effect === arrival && arrived.length === 0) arrived.push(await arrive?.());
    };
    await using through = providerThrough(at.api.url, OPEN_GATE, { before });
    const rounds = await recover(at, { apiUrl: `http://127.0.0.1:${through.port}/v1` });
    assert.deepEqual(arrived, [answered]);
    await assertOnlyOneEver(at, `arrived before ${arrival}`, rounds);
  });
}

Deno.test("where the provider takes a name twice, the second computer is seen, confirmed and ended", async () => {
  const clock = manualClock(Date.UTC(2026, 10, 21));
  await using api = fakeHyperstack();
  const wanted = await wantedMachine(api.url, clock);
  await using db = wanted.db;
  const { deploymentId, machineId } = wanted;
  const name = machineName(deploymentId, machineId);
  let made = false;
  const rounds = await recover({
    ...{ ...wanted, api, clock },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }, {
    each() {
      api.settle();
      const [vm] = api.vms.values();
      if (vm === undefined || made) return;
      // A request of long ago that was carried out only now.
      made = true;
      api.vms.set(7, { ...vm, id: 7, name });
    },
  });
  assert.ok(made);
  const [row] = await db.sql`select external_id from machines where id = ${machineId}`;
  assert.deepEqual([...api.vms.keys()].map(String), [row?.["external_id"]]);
  assert.deepEqual(rounds.map(({ seen, ended }) => [seen, ended]).filter(([a, b]) => a || b), [
    [1, 0],
    [0, 1],
  ]);
  const journal = await readJournal(db.sql, { limit: 100 });
  const notes = journal.filter(({ kind, because }) => kind === "note" && /^orphan/.test(because));
  assert.deepEqual(notes.map(({ because, detail }) => [because, detail["externalId"]]), [
    ["orphan seen", "7"],
    ["orphan confirmed; asked to end", "7"],
    ["orphan gone", "7"],
  ]);
});
