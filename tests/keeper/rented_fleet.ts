/** A keeper over Hyperstack's provider, a simulated account and a real database, on a clock that moves by hand. */
import { manualClock, type Millis, millis, seconds } from "@/lib/kernel/clock.ts";
import { parseFleet } from "@/lib/kernel/config.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { type TestDatabase, testDatabase } from "@/lib/kernel/test_database.ts";
import type { Engine } from "@/lib/engine/engine.ts";
import { ensureMachines } from "@/lib/fleet/ensure_machines.ts";
import { readDeploymentId } from "@/lib/fleet/deployment_store.ts";
import { readJournal } from "@/lib/fleet/journal_store.ts";
import { createKeeper } from "@/lib/fleet/keeper.ts";
import { policies } from "@/lib/fleet/policy.ts";
import { createMachineStore } from "@/lib/fleet/sql_machine_store.ts";
import { askWake, recentWakes } from "@/lib/fleet/wakes_store.ts";
import { openHyperstack } from "@/lib/providers/hyperstack/hyperstack.ts";
import type { HyperstackOptions } from "@/sim/hyperstack/options.ts";
import { call } from "@/sim/hyperstack/hyperstack_testing.ts";
import {
  type Hyperstack,
  startHyperstack,
  type VmView,
} from "@/sim/hyperstack/start_hyperstack.ts";

export const REGION = "CANADA-1";
export const GPU = "H100-80G-PCIe";
const IMAGE = "Ubuntu Server 24.04 LTS R570 CUDA 12.8 with Docker";
const STEP = seconds(2);
const SWEEP_EVERY_MS = 60_000;

export type RentedFleet = AsyncDisposable & {
  readonly control: Hyperstack["control"];
  /** Asks for a wake as a request does; answers what `askWake` answers. */
  ask(): ReturnType<typeof askWake>;
  /** Lets time pass, with looks as the keeper asks for them and a sweep each minute; at most until `isOver`. */
  pass(span: Millis, isOver?: () => Promise<boolean>): Promise<boolean>;
  place(): Promise<string>;
  lastWake(): Promise<{ readonly outcome: string | null; readonly because: string | null }>;
  /** `place act` of each move so far. */
  moves(): Promise<string[]>;
  /** The machines that exist, in whatever state. */
  living(): VmView[];
  readonly sql: TestDatabase["sql"];
};

/** One tier of one machine; `tier` is more of its YAML. */
export async function rentedFleet(
  tier: string,
  options: Partial<HyperstackOptions> = {},
): Promise<RentedFleet> {
  const clock = manualClock();
  const database = await testDatabase();
  const { sql } = database;
  const account = await startHyperstack({ clock, ...options });
  const { control } = account;
  await call(account, "POST", "/core/keypairs", {
    ...{ name: "ops", environment_name: `default-${REGION}`, public_key: "ssh-ed25519 AAAA test" },
  });
  const file = parseFleet(`
providers:
  hyperstack: { base_url: "${account.url}", environment: default-${REGION}, key_name: ops, requests_per_minute: 500, image: "${IMAGE}" }
models: [{ id: m, name: M, vendor: V, kind: chat, context_tokens: 8192 }]
lineup:
  - name: spot
    provider: hyperstack
    band: spot
    serves: { m: org/model }
    ${tier}
    hyperstack:
      ...
`.replace(
    "      ...",
    "      flavor: n3-H100x1-spot\n      engine_key_env: K\n      vllm: [org/model]",
  ));
  const [spec] = file.lineup;
  const { hyperstack } = file.providers;
  if (spec?.hyperstack === undefined || hyperstack === undefined) throw new Error("no such tier");
  const provider = openHyperstack({
    account: hyperstack,
    apiKey: account.apiKey,
    tiers: new Map([["spot", { ...spec.hyperstack, engineKey: "key" }]]),
    clock,
  });
  const providers = new Map([[provider.name, provider]]);
  await ensureMachines(sql, { lineup: file.lineup, providers, now: clock.now() });
  const [{ id } = { id: "" }] = await sql<{ id: string }[]>`select id from machines`;
  const keeper = createKeeper({
    clock,
    store: createMachineStore(sql, "rep_1", clock),
    providers,
    engine: enginesOf(control),
    policyOf: policies(file.lineup, providers),
    deploymentId: await readDeploymentId(sql),
    log: silentLog,
  });
  let lookAtMs = 0;
  let sweepAtMs = 0;
  let failedTwice: string | null = null;

  const living = () => control.vms().filter(({ status }) => status !== "DELETED");

  async function look(): Promise<void> {
    const nowMs = clock.elapsedMs();
    if (nowMs < lookAtMs && nowMs < sweepAtMs) return;
    if (nowMs >= sweepAtMs) sweepAtMs = nowMs + SWEEP_EVERY_MS;
    const { againIn } = await keeper.look(id);
    lookAtMs = againIn === null ? Infinity : nowMs + againIn;
    const names = living().map(({ name }) => name);
    if (new Set(names).size !== names.length) failedTwice = `two machines of ${names[0]}`;
  }

  return {
    control,
    sql,
    living,
    async ask() {
      const ask = { tier: "spot", requestId: null, patience: seconds(1_800), attempts: 2 };
      const answer = await askWake(sql, ask, clock.now());
      lookAtMs = 0;
      await look();
      return answer;
    },
    async pass(span, isOver = () => Promise.resolve(false)) {
      for (let passedMs = 0; passedMs < span; passedMs += STEP) {
        if (await isOver()) return true;
        clock.advance(millis(STEP));
        await look();
        if (failedTwice !== null) throw new Error(failedTwice);
      }
      return await isOver();
    },
    place: async () => (await sql<{ place: string }[]>`select place from machines`)[0]?.place ?? "",
    async lastWake() {
      const [wake] = await recentWakes(sql, { limit: 1 });
      return { outcome: wake?.outcome ?? null, because: wake?.because ?? null };
    },
    moves: async () =>
      (await readJournal(sql, { limit: 1_000 })).flatMap((entry) =>
        entry.kind === "move" ? [`${entry.toPlace} ${entry.act ?? "-"}`] : []
      ),
    async [Symbol.asyncDispose]() {
      await provider.close();
      await account.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** An engine answers at a machine's address once the account says that it serves. */
function enginesOf(control: Hyperstack["control"]): Engine {
  const refuse = () => Promise.reject(new Error("nothing naps here"));
  return {
    look(baseUrl) {
      const { hostname } = new URL(baseUrl);
      const serves = control.vms().some((vm) => vm.floatingIp === hostname && vm.serving);
      return Promise.resolve(
        serves ? { health: "healthy", portOpen: true } : { health: "unreachable", portOpen: false },
      );
    },
    nap: refuse,
    rouse: refuse,
    models: refuse,
  };
}
