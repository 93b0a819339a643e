/**
 * The `local` provider: a machine is a child process of any command. It outlives the gateway and is adopted by the
 * next one; a guard beside it ends it when no gateway looks after it any more.
 */
import { type Clock, type Millis, millis } from "@/lib/kernel/clock.ts";
import type { TierSpec } from "@/lib/kernel/fleet_file.ts";
import type { Log } from "@/lib/kernel/log.ts";
import {
  findMachine,
  type Found,
  killStragglers,
  listMachines,
  powerOf,
  RISING_MS_MAX,
} from "./local_find.ts";
import { alone } from "./local_lock.ts";
import { lives, lookUp, type ProcessId, signalGroup } from "./local_process.ts";
import {
  externalIdOf,
  machineDir,
  type MachineRecord,
  newRecord,
  readGuardPid,
  readRecords,
  removeIfThere,
  replaceFile,
  writeRecord,
} from "./local_record.ts";
import { choosePort, commandOf, LOCAL_HOST, spawnEngine } from "./local_spawn.ts";
import { beat, keepUp } from "./local_upkeep.ts";
import {
  type EffectKey,
  type MachineRef,
  type MachineStatus,
  type Provider,
  ProviderError,
} from "./provider.ts";

const BEAT_MS_MAX = 5_000;
/** A guard counts whole seconds; several beats must fit into the shortest orphan time. */
const BEATS_PER_ORPHAN_TIME = 4;
const STOP_POLL_MS = millis(100);
/** After its grace an engine is killed; gone by then, or the kernel holds it. */
const KILL_MS = 3_000;

export type LocalDeps = {
  readonly tiers: readonly TierSpec[];
  /** The directory of all machines' state, absolute. */
  readonly root: string;
  /** Only this deployment's machines are looked after; others become orphans. */
  readonly deploymentId: string;
  readonly orphanAfterMs: Millis;
  /** What engines inherit: the gateway's environment without its secrets. */
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Log;
};

export type LocalProvider = Provider & {
  /** Tells every guard that a gateway lives; runs by itself while open. */
  heartbeat(): Promise<void>;
  /**
   * Stops every machine of the deployment and waits until all are gone, or `signal` aborts; starts nothing from then
   * on. For the last gateway.
   */
  stopAll(signal: AbortSignal): Promise<void>;
};

/** Opens it, and at once tells the guards of running machines that somebody is back. */
export async function openLocal(deps: LocalDeps): Promise<LocalProvider> {
  const { root, clock, log } = deps;
  await Deno.mkdir(root, { recursive: true, mode: 0o700 });
  const closing = new AbortController();
  const heartbeat = () => keepUp(deps, closing.signal);
  await heartbeat();
  const everyMs = Math.min(BEAT_MS_MAX, deps.orphanAfterMs / BEATS_PER_ORPHAN_TIME);
  let beating: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    beating = beating.then(heartbeat).catch((error) => log.error("local.upkeep_failed", { error }));
  }, everyMs);
  Deno.unrefTimer(timer);
  let isResting = false;
  const locked = <T>(signal: AbortSignal, work: () => Promise<T>) =>
    alone(root, clock, signal, work);

  return {
    name: "local",
    capabilities: {
      rest: "asleep",
      creates: false,
      starts: true,
      restBilling: "none",
      billing: { usageSnapshot: false, instanceCost: false },
    },
    status: async (ref) => statusOf(await findMachine(root, ref.machineId), clock),
    create: () =>
      Promise.reject(
        new ProviderError("unsupported", "local", "create", "machines come from the lineup"),
      ),
    start: (ref, key, signal) =>
      locked(signal, () => {
        if (!isResting) return start(deps, ref, key);
        throw new ProviderError("unavailable", "local", "start", "the gateway stops");
      }),
    stop: (ref, key, signal) => locked(signal, () => stop(deps, ref, key, false)),
    destroy: (ref, key, signal) => locked(signal, () => stop(deps, ref, key, true)),
    list: (deploymentId) => listMachines(root, deploymentId),
    heartbeat,
    stopAll(signal) {
      isResting = true;
      return stopAll(deps, signal);
    },
    async close() {
      clearInterval(timer);
      closing.abort();
      await beating;
    },
  };
}

function statusOf(found: Found, clock: Clock): MachineStatus {
  const power = powerOf(found, clock.now());
  const port = found.record?.port ?? null;
  return {
    power,
    rawState: found.record === null && power === "on"
      ? "running without a record"
      : RAW_STATE[power],
    externalId: found.process === null ? null : externalIdOf(found.process),
    baseUrl: port === null ? null : `http://${LOCAL_HOST}:${port}`,
    ...endedItself(found),
  };
}

/** A recorded process that is gone although nobody asked it to stop. */
function endedItself({ record, process }: Found): { endedAs?: number } {
  const ended = record !== null && record.process !== null && process === null &&
    record.stopAskedAtMs === null;
  return ended ? { endedAs: record.generation } : {};
}

const RAW_STATE = {
  off: "not running",
  rising: "starting",
  on: "running",
  falling: "stopping",
  broken: "broken",
  gone: "gone",
  unknown: "unknown",
} as const;

/** The intent is written before the spawn; whatever dies between, the next look finds the process or none. */
async function start(deps: LocalDeps, ref: MachineRef, { generation }: EffectKey): Promise<void> {
  const { root, clock, log } = deps;
  const { record: before, process } = await findMachine(root, ref.machineId);
  refuseStale("start", before, generation);
  if (process !== null) {
    if (before !== null && before.stopAskedAtMs !== null) {
      throw new ProviderError("invalid-state", "local", "start", "it is still stopping");
    }
    const record = before ?? newRecord(ref, millis(0));
    await writeRecord(root, { ...record, generation, process });
    return;
  }
  const spec = deps.tiers.find((tier) => tier.name === ref.tier)?.local;
  if (spec === undefined) {
    throw new ProviderError(
      "invalid-request",
      "local",
      "start",
      `cannot start a machine of tier "${ref.tier}": the lineup has no command for it`,
    );
  }
  await killStragglers(ref.machineId, log);

  const siblings = (await readRecords(root)).filter((one) => one.machineId !== ref.machineId);
  const taken = new Set(siblings.flatMap(({ port }) => port === null ? [] : [port]));
  const port = choosePort(before?.port ?? null, taken);
  const { command, env } = commandOf(spec, deps.env, port, ref.machineId);
  const intent: MachineRecord = {
    ...newRecord(ref, spec.stop_grace),
    generation,
    port,
    command,
    startedAtMs: clock.now(),
  };
  const dir = machineDir(root, ref.machineId);
  await clearClaim(root, ref.machineId, before, clock);
  await writeRecord(root, intent);
  await removeIfThere(`${dir}/stop`);
  await beat(root, ref.machineId);

  const child = spawnEngine({
    dir,
    machineId: ref.machineId,
    deploymentId: ref.deploymentId,
    command,
    env,
    orphanAfterMs: deps.orphanAfterMs,
    stopGraceMs: spec.stop_grace,
  }, log);
  const seen = (await lookUp([child.pid])).get(child.pid);
  if (seen !== undefined) {
    await writeRecord(root, { ...intent, process: { pid: seen.pid, start: seen.start } });
  }
  log.info("local.started", { machine: ref.machineId, pid: child.pid, port });
}

/**
 * Takes away the directory by which the guard of an earlier run claimed the machine. Only when that one is known dead: a
 * gateway may have died a moment ago, its guard just about to write itself down. Then ours loses to it, which is right.
 */
async function clearClaim(
  root: string,
  machineId: string,
  before: MachineRecord | null,
  clock: Clock,
): Promise<void> {
  const claim = `${machineDir(root, machineId)}/run`;
  const claimant = await readGuardPid(root, machineId);
  const intendedAtMs = before?.startedAtMs ?? Number.NEGATIVE_INFINITY;
  const dead = claimant === null
    ? clock.now() - intendedAtMs > RISING_MS_MAX
    : !await lives(claimant);
  if (dead) await removeIfThere(claim);
}

/** Signals and returns. The guard kills what is left after the grace, whether we live or not. */
async function stop(
  deps: LocalDeps,
  ref: MachineRef,
  { generation }: EffectKey,
  destroying: boolean,
): Promise<void> {
  const { root, clock, log } = deps;
  const { record: before, process } = await findMachine(root, ref.machineId);
  refuseStale(destroying ? "destroy" : "stop", before, generation);
  if (process === null) {
    if (before === null) return await removeIfThere(machineDir(root, ref.machineId));
    // A guard that a dying gateway just spawned is not seen yet; it will see this.
    if (before.process === null && before.startedAtMs !== null) {
      await replaceFile(`${machineDir(root, ref.machineId)}/stop`, "asked\n");
    } else if (destroying) return await removeIfThere(machineDir(root, ref.machineId));
    await writeRecord(root, { ...before, generation, destroying, startedAtMs: null });
    return;
  }
  const record = before ?? newRecord(ref, millis(0));
  const stopAskedAtMs = record.stopAskedAtMs ?? clock.now();
  await writeRecord(root, { ...record, generation, process, stopAskedAtMs, destroying });
  if (record.stopAskedAtMs === null) await signalStop(root, ref.machineId, process);
  log.info("local.stopping", { machine: ref.machineId, pid: process.pid, destroying });
}

/** "asked" before, "signalled" after: if we die between, the guard signals in our place, and never twice. */
async function signalStop(root: string, machineId: string, process: ProcessId): Promise<void> {
  const file = `${machineDir(root, machineId)}/stop`;
  await replaceFile(file, "asked\n");
  await signalGroup(process, "SIGTERM");
  await replaceFile(file, "signalled\n");
}

function refuseStale(operation: string, record: MachineRecord | null, generation: number): void {
  if (record === null || generation >= record.generation) return;
  throw new ProviderError(
    "stale-effect",
    "local",
    operation,
    `generation ${generation} is older than ${record.generation}, which was carried out`,
  );
}

/** Stops a machine that runs, or was told to start and is not seen yet, in the name of who moved it last. */
async function stopIfThere(deps: LocalDeps, machineId: string): Promise<void> {
  const found = await findMachine(deps.root, machineId);
  const { record } = found;
  if (record === null || powerOf(found, deps.clock.now()) === "off") return;
  await stop(deps, { ...record, externalId: null }, record, record.destroying);
}

async function stopAll(deps: LocalDeps, signal: AbortSignal): Promise<void> {
  const { root, clock, deploymentId } = deps;
  // A start that is under way holds the lock, and has written its record when it lets go.
  const records = await alone(
    root,
    clock,
    signal,
    async () => (await readRecords(root)).filter((record) => record.deploymentId === deploymentId),
  );
  for (const { machineId } of records) {
    await alone(root, clock, signal, () => stopIfThere(deps, machineId));
  }
  const limitMs = Math.max(0, ...records.map((record) => record.stopGraceMs)) + KILL_MS;
  const endMs = clock.elapsedMs() + limitMs;
  while (!signal.aborted && clock.elapsedMs() < endMs) {
    const found = await Promise.all(records.map((one) => findMachine(root, one.machineId)));
    if (found.every(({ process }) => process === null)) return;
    await keepUp(deps, signal);
    await clock.sleep(STOP_POLL_MS, signal);
  }
}
