/** One machine to be rented from a simulated Hyperstack: its lineup, its keeper, and what must be true once it was made. */
import assert from "node:assert/strict";
import { type Clock, manualClock, seconds } from "@/lib/kernel/clock.ts";
import { parseFleet } from "@/lib/kernel/config.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { type TestDatabase, testDatabase } from "@/lib/kernel/test_database.ts";
import type { Engine } from "@/lib/engine/engine.ts";
import { readDeploymentId } from "@/lib/fleet/deployment_store.ts";
import { ensureMachines } from "@/lib/fleet/ensure_machines.ts";
import { createKeeper, type Keeper } from "@/lib/fleet/keeper.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { orphanJournal } from "@/lib/fleet/orphan_journal.ts";
import { policies } from "@/lib/fleet/policy.ts";
import { reconcile, type Reconciled } from "@/lib/fleet/reconcile.ts";
import { createMachineStore } from "@/lib/fleet/sql_machine_store.ts";
import { askWake } from "@/lib/fleet/wakes_store.ts";
import { machineName } from "@/lib/providers/hyperstack/machine_name.ts";
import type { Provider } from "@/lib/providers/provider.ts";
import { openRented } from "@/lib/providers/providers.ts";
import { call, withKey } from "@/sim/hyperstack/hyperstack_testing.ts";
import { DEFAULT_HYPERSTACK, type HyperstackOptions } from "@/sim/hyperstack/options.ts";
import { type Hyperstack, startHyperstack } from "@/sim/hyperstack/start_hyperstack.ts";

export const NEVER = new AbortController().signal;

type Rented = { readonly environment: string; readonly flavor: string };

const RENTED: Rented = { environment: "default-CANADA-1", flavor: "n3-H100x1" };

export const fleetOf = (apiUrl: string, { environment, flavor }: Rented = RENTED) =>
  parseFleet(`
models: [{ id: m, name: M, vendor: V, kind: chat, context_tokens: 8192 }]
providers:
  hyperstack:
    base_url: ${apiUrl}
    environment: ${environment}
    key_name: k
    image: Ubuntu Server 24.04 LTS R570 CUDA 12.8 with Docker
lineup:
  - name: h100
    provider: hyperstack
    band: standard
    serves: { m: m }
    hyperstack: { flavor: ${flavor}, engine_key_env: ENGINE_KEY, vllm: [org/m] }
`);

/** Nobody answers: what is tested ends where the engine loads. */
const NO_ENGINE: Engine = {
  look: () => Promise.resolve({ health: "unreachable", portOpen: false }),
  nap: () => Promise.reject(new Error("not part of this test")),
  rouse: () => Promise.reject(new Error("not part of this test")),
  models: () => Promise.resolve([]),
};

/** `sql`: with the turns that replicas share. */
export function providerAt(apiUrl: string, clock: Clock, sql?: Sql): Provider {
  const env = { HYPERSTACK_API_KEY: DEFAULT_HYPERSTACK.apiKey, ENGINE_KEY: "secret" };
  const fleet = fleetOf(apiUrl);
  const [provider] = openRented({ fleet, env, clock, ...(sql === undefined ? {} : { sql }) });
  assert.ok(provider !== undefined);
  return provider;
}

/** The keeper of a gateway, over the real adapter and the real database. */
export function keeperOf(
  { apiUrl, deploymentId, clock, sql, holder }: {
    apiUrl: string;
    deploymentId: string;
    clock: Clock;
    sql: Sql;
    /** The replica's id. */
    holder: string;
  },
): { keeper: Keeper; provider: Provider; close: () => Promise<void> } {
  const provider = providerAt(apiUrl, clock, sql);
  const store = createMachineStore(sql, holder);
  const log = silentLog;
  const providers = new Map([[provider.name, provider]]);
  const policyOf = policies(fleetOf(apiUrl).lineup, providers);
  const deps = { clock, store, providers, policyOf, deploymentId, log, engine: NO_ENGINE };
  return { keeper: createKeeper(deps), provider, close: () => provider.close() };
}

export type Bench<Api extends { readonly url: string } = Hyperstack> = {
  readonly db: TestDatabase;
  readonly api: Api;
  /** The provider's and that of whoever recovers. */
  readonly clock: ReturnType<typeof manualClock>;
  readonly deploymentId: string;
  readonly machineId: string;
} & AsyncDisposable;

const AT_ONCE = { leastMs: 0, mostMs: 0 };
const START_MS = Date.UTC(2026, 10, 21);

/** A machine that is wanted and does not exist yet, and a provider that makes one at once. */
export async function bench(over: Partial<HyperstackOptions> = {}): Promise<Bench> {
  const clock = manualClock(START_MS);
  const api = await startHyperstack({
    clock,
    durations: { creating: AT_ONCE, building: AT_ONCE, address: AT_ONCE },
    ...over,
  });
  await withKey(api);
  const wanted = await wantedMachine(api.url, clock);
  return {
    ...{ ...wanted, api, clock },
    async [Symbol.asyncDispose]() {
      await api.close();
      await wanted.db[Symbol.asyncDispose]();
    },
  };
}

/** A database in which the lineup's machine is absent and asked for. */
export async function wantedMachine(
  apiUrl: string,
  clock: Clock,
): Promise<Pick<Bench, "db" | "deploymentId" | "machineId">> {
  const db = await testDatabase();
  const deploymentId = await readDeploymentId(db.sql);
  const { lineup } = fleetOf(apiUrl);
  const provider = providerAt(apiUrl, clock);
  const providers = new Map([[provider.name, provider]]);
  await ensureMachines(db.sql, { lineup, providers, now: clock.now() });
  await provider.close();
  const wake = { tier: "h100", requestId: null, patience: seconds(590), attempts: 2 };
  const asked = await askWake(db.sql, wake, clock.now());
  assert.ok(asked.kind === "asked", `it is asked for, not ${asked.kind}`);
  return { db, deploymentId, machineId: asked.machineId };
}

/** More than the policy's `reask`, and than an orphan is watched. */
const ROUND = seconds(61);
const ROUNDS_MAX = 12;
const ROUNDS_AFTER = 2;

export type Recovery = {
  /** Where the provider answers, when not at `api.url`. */
  readonly apiUrl?: string;
  /** At the start of each round. */
  readonly each?: () => void;
  /** Moves the clock while a look waits for it. */
  readonly waiting?: boolean;
};

/**
 * Another gateway takes over, a minute at a time: the dead one's lease has run out, the keeper looks, the lists are
 * compared; until the machine loads, and twice more.
 */
export async function recover(
  { db, api, clock, deploymentId, machineId }: Bench<{ readonly url: string }>,
  { apiUrl = api.url, each = () => {}, waiting = false }: Recovery = {},
): Promise<readonly Reconciled[]> {
  const holder = "rep_next";
  const { keeper, provider, close } = keeperOf({
    ...{ apiUrl, deploymentId, clock, sql: db.sql, holder },
  });
  const providers = new Map([[provider.name, provider]]);
  const journal = orphanJournal(db.sql, holder);
  const rounds: Reconciled[] = [];
  let after = 0;
  for (let round = 0; round < ROUNDS_MAX && after < ROUNDS_AFTER; round++) {
    clock.advance(ROUND);
    each();
    await db.sql`
      update machines set lease_until = '2000-01-01' where lease_holder <> ${holder}
    `;
    const deps = { clock, providers, deploymentId, log: silentLog, journal };
    const steps = (async () => {
      await keeper.look(machineId);
      rounds.push(await reconcile(deps, NEVER));
    })();
    await (waiting ? withTime(clock, steps) : steps);
    const [row] = await db.sql`select place from machines where id = ${machineId}`;
    if (row?.["place"] === "loading") after++;
  }
  await close();
  return rounds;
}

const TICK = seconds(1);
const TICK_EVERY_MS = 10;

/** Lets time pass, a hundred times as fast as it does, until `work` is over. */
async function withTime(clock: Bench["clock"], work: Promise<void>): Promise<void> {
  const timer = setInterval(() => clock.advance(TICK), TICK_EVERY_MS);
  await work.finally(() => clearInterval(timer));
}

/** One computer, now and at any time, which was never unknown in a round. */
export async function assertOnlyOneEver(
  at: Bench,
  what: string,
  rounds: readonly Reconciled[],
): Promise<void> {
  await assertOneMachine(at, what);
  assert.equal(at.api.control.vms().length, 1, `${what}: a second one was made on the way`);
  const unknown = rounds.reduce((sum, { seen, open }) => sum + seen + open, 0);
  assert.equal(unknown, 0, `${what}: it was unknown for a while`);
}

/** Exactly one computer, known to us by its id and its name; nothing left over. */
async function assertOneMachine(
  { db, api, deploymentId, machineId }: Bench,
  what: string,
): Promise<void> {
  const [row] = await db.sql<{ place: string; externalId: string | null }[]>`
    select place, external_id as "externalId" from machines where id = ${machineId}
  `;
  assert.equal(row?.place, "loading", what);
  const living = api.control.vms().filter(({ status }) => status !== "DELETED");
  assert.deepEqual(
    living.map(({ id, name }) => [String(id), name]),
    [[row?.externalId, machineName(deploymentId, machineId)]],
    what,
  );
  const addresses = living.filter(({ floatingIp }) => floatingIp !== null);
  assert.equal(addresses.length, 1, what);
  // We import no key and keep no rules or addresses of our own: they come and go with the machine.
  const { body } = await call(api, "GET", "/core/keypairs");
  const keys = body["keypairs"] as { name: string }[];
  assert.deepEqual(keys.map(({ name }) => name), ["k"], what);
}
