/**
 * Days of a whole deployment in simulated time: the gateway as users run it, in a process that is killed, over a
 * simulated provider with engines, outages, shortages and preemptions. Time stands still while work is done, and goes
 * on in steps: to the minute when all is quiet, by seconds when something is under way.
 */
import { manualClock, millis } from "@/lib/kernel/clock.ts";
import { createKey, ensureAccount } from "@/lib/accounts/api_keys_store.ts";
import { FAST } from "@/sim/with_engine.ts";
import { seeded } from "@/sim/random.ts";
import {
  type Hyperstack,
  startHyperstack,
  type VmView,
} from "@/sim/hyperstack/start_hyperstack.ts";
import { ENGINE_KEY, fleetYaml, GPUS, KEY_NAME, REGION } from "./fleet.ts";
import { type Callers, callers } from "./callers.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, type Plan, planOf, type Span } from "./plan.ts";
import { live, standStill } from "./stillness.ts";
import { type StrayWatch, strayWatch } from "./strays.ts";
import { type VirtualDatabase, virtualDatabase } from "./virtual_database.ts";

/** A Monday. */
export const START_MS = Date.UTC(2026, 7, 3);
const STEP_MS = 5_000;
/** After the last request the machines have this long to come to rest. */
const REST_MS = 2 * HOUR_MS;
const STOCK = 4;

export type WeekOptions = {
  readonly days: number;
  readonly seed: number;
  readonly say?: (line: string) => void;
};

export type Preempted = { readonly atMs: number; readonly name: string };

export type Week = AsyncDisposable & {
  readonly plan: Plan;
  readonly database: VirtualDatabase;
  readonly hyperstack: Hyperstack;
  readonly callers: Callers;
  readonly strays: StrayWatch;
  /** When the gateway was not there. */
  readonly down: readonly Span[];
  /** Machines that served when their hardware was taken. */
  readonly preempted: readonly Preempted[];
  readonly endMs: number;
  /** The gateway that lived to the end; its pages can be asked for. */
  readonly url: string;
};

/** Lives through the days and answers what there is to judge; everything still runs, at rest, until it is disposed. */
export async function liveThrough({ days, seed, say = () => {} }: WeekOptions): Promise<Week> {
  const plan = planOf({ seed, startMs: START_MS, days, gpus: GPUS });
  const clock = manualClock(START_MS);
  const random = seeded(seed + 1);
  const database = await virtualDatabase(START_MS);
  const hyperstack = await startHyperstack({
    clock,
    seed,
    keypairs: [KEY_NAME],
    engines: "real",
    engine: { latency: FAST },
    addressPrefix: `127.${100 + Deno.pid % 100}`,
    stock: Object.fromEntries(GPUS.map((gpu) => [`${REGION}/${gpu}`, STOCK])),
    faults: { serverErrors: 0.005, slow: 0.004, lost: 0.01, failsLater: 0.02 },
  });
  for (const outage of plan.outages) hyperstack.control.outage(outage);
  const dataDir = await Deno.makeTempDir({ prefix: "emberlane-week-" });
  const { secret } = await callersKey(database);
  const options = {
    database: database.target,
    dataDir,
    fleet: fleetYaml(hyperstack.url),
    env: { HYPERSTACK_API_KEY: hyperstack.apiKey, ENGINE_KEY },
  };
  let gateway: Gateway | null = await startGateway(options, START_MS);
  await standStill({ database, hyperstack, gateway }, START_MS);
  const callersOf = callers(secret, () => gateway?.url ?? null);
  const strays = strayWatch(database, hyperstack);
  const down: Span[] = [];
  const endMs = START_MS + days * DAY_MS + REST_MS;
  const close = async () => {
    await gateway?.kill();
    await hyperstack.close();
    await database[Symbol.asyncDispose]();
    await Deno.remove(dataDir, { recursive: true }).catch(() => {});
  };

  const preempted: Preempted[] = [];
  const todo = agenda(plan, hyperstack, random, preempted);
  const kills = [...plan.kills];
  try {
    while (clock.now() < endMs) {
      const isBusy = callersOf.waiting() > 0 || isMoving(hyperstack) || await isLookedAt(database);
      const nowMs = nextMs(clock.now(), isBusy, [
        plan.requestsMs[callersOf.sent()],
        todo.nextMs(),
        gateway === null ? down.at(-1)?.toMs : kills[0]?.fromMs,
      ]);
      await database.setNow(nowMs);
      clock.advance(millis(nowMs - clock.now()));
      todo.doDue(nowMs);
      if (gateway === null && nowMs >= (down.at(-1)?.toMs ?? 0)) {
        gateway = await startGateway(options, nowMs);
        await standStill({ database, hyperstack, gateway }, nowMs);
      }
      const kill = kills[0];
      if (gateway !== null && kill !== undefined && nowMs >= kill.fromMs && nowMs < endMs) {
        kills.shift();
        // In the midst of what it does with this moment.
        gateway.tell(nowMs);
        await new Promise((resolve) => setTimeout(resolve, random() * 25));
        await gateway.kill();
        gateway = null;
        down.push({ fromMs: nowMs, toMs: Math.max(nowMs, kill.toMs) });
      }
      const before = callersOf.sent();
      if (gateway !== null) await live({ database, hyperstack, gateway }, nowMs, isBusy);
      while ((plan.requestsMs[callersOf.sent()] ?? Infinity) <= nowMs) callersOf.send();
      if (callersOf.sent() > before && gateway !== null) {
        await standStill({ database, hyperstack, gateway }, nowMs);
      }
      await strays.look(nowMs);
      if (nowMs % (6 * HOUR_MS) === 0) say(`${new Date(nowMs).toISOString()} ${callersOf.tell()}`);
    }
    if (gateway === null) throw new Error("unreachable: the last kill is long before the end");
  } catch (error) {
    console.error(gateway?.log().slice(-6_000));
    await close();
    throw error;
  }
  return {
    ...{
      plan,
      database,
      hyperstack,
      callers: callersOf,
      strays,
      down,
      preempted,
      endMs,
      url: gateway.url,
    },
    [Symbol.asyncDispose]: close,
  };
}

/** The next moment worth living: never past a minute, nor past anything planned. */
function nextMs(nowMs: number, isBusy: boolean, planned: readonly (number | undefined)[]): number {
  const minute = (Math.floor(nowMs / MINUTE_MS) + 1) * MINUTE_MS;
  const step = isBusy ? nowMs + STEP_MS : Infinity;
  const coming = planned.flatMap((atMs) => atMs === undefined ? [] : [Math.max(atMs, nowMs + 1)]);
  return Math.min(minute, step, ...coming);
}

const RESTING = new Set(["ACTIVE", "HIBERNATED", "DELETED", "ERROR", "SHUTOFF"]);
const isMoving = ({ control }: Hyperstack): boolean =>
  control.vms().some((vm) => !RESTING.has(vm.status) || (vm.status === "ACTIVE" && !vm.serving));

/** A look is under way, waiting for time, or one that found no engine is followed by more within seconds. */
async function isLookedAt({ sql }: VirtualDatabase): Promise<boolean> {
  const looked = await sql`
    select from machines where lease_holder is not null or place_detail ->> 'sickSince' is not null
  `;
  return looked.length > 0;
}

/** What the plan does to the provider, each at its moment. */
function agenda(
  plan: Plan,
  { control }: Hyperstack,
  random: () => number,
  preempted: Preempted[],
) {
  const pick = (of: (vm: VmView) => boolean): VmView | null => {
    const some = control.vms().filter(of);
    return some[Math.floor(random() * some.length)] ?? null;
  };
  const due: { atMs: number; happen: () => void }[] = [
    ...plan.shortages.flatMap(({ fromMs, toMs, gpu }) => [
      { atMs: fromMs, happen: () => control.setStock(REGION, gpu, 0) },
      { atMs: toMs, happen: () => control.setStock(REGION, gpu, STOCK) },
    ]),
    ...plan.preemptionsMs.map((atMs, n) => ({
      atMs,
      happen() {
        const vm = pick(({ serving, flavorName }) => serving && flavorName.endsWith("-spot"));
        if (vm === null) return;
        preempted.push({ atMs, name: vm.name });
        control.preempt(vm.id, n % 2 === 0 ? "SHUTOFF" : "gone");
      },
    })),
    ...plan.correctionsMs.map((atMs, n) => ({
      atMs,
      happen() {
        const vm = pick(({ status }) => status !== "DELETED");
        if (vm !== null) control.correct(vm.id, n % 2 === 0 ? -120_000_000n : 45_678_901n);
      },
    })),
  ].sort((a, b) => a.atMs - b.atMs);
  return {
    nextMs: () => due[0]?.atMs,
    doDue(nowMs: number) {
      while (due[0] !== undefined && due[0].atMs <= nowMs) due.shift()?.happen();
    },
  };
}

async function callersKey({ sql }: VirtualDatabase) {
  const doer = { actor: "week", now: manualClock(START_MS).now() };
  const account = await ensureAccount(sql, "week", doer);
  const none = { models: null, requestsPerMinute: null, tokensPerMinute: null, expiresAt: null };
  return await createKey(sql, { accountId: account.id, name: "week", ...none }, doer);
}
