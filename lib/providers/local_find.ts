/** Finds a machine's process, whoever started it and whatever was lost since. */
import { type Instant, instant } from "@/lib/kernel/clock.ts";
import type { Log } from "@/lib/kernel/log.ts";
import {
  isSame,
  lookUp,
  type ProcessId,
  signalGroup,
  tagged,
  type TaggedProcess,
} from "./local_process.ts";
import {
  externalIdOf,
  type MachineRecord,
  readGuardPid,
  readRecord,
  readRecords,
} from "./local_record.ts";
import type { ListedMachine, Power } from "./provider.ts";

/** After an intent without a deed for this long, whoever wrote it is gone. */
export const RISING_MS_MAX = 5_000;

/** A machine as its files and the process table show it. `process` is null unless it lives. */
export type Found = {
  readonly record: MachineRecord | null;
  readonly process: ProcessId | null;
};

/**
 * Looks in three places: the record, the file the guard wrote before anything else (the gateway died before it
 * could record), and, where even the record is lost, the environments of all processes.
 */
export async function findMachine(root: string, machineId: string): Promise<Found> {
  const record = await readRecord(root, machineId);
  const candidates = [record?.process ?? null, await readGuardPid(root, machineId)]
    .filter((candidate) => candidate !== null);
  const seen = await lookUp(candidates.map(({ pid }) => pid));
  for (const candidate of candidates) {
    if (isSame(candidate, seen.get(candidate.pid))) return { record, process: candidate };
  }
  if (record !== null) return { record, process: null };
  return { record, process: leaderOf(ofMachine(await tagged(), machineId)) };
}

/** The power of what was found. A machine told to start and not seen yet is rising for a moment, then off. */
export function powerOf({ record, process }: Found, now: Instant): Power {
  if (process !== null) return record !== null && record.stopAskedAtMs !== null ? "falling" : "on";
  if (record === null || record.process !== null || record.stopAskedAtMs !== null) return "off";
  const intendedAtMs = record.startedAtMs ?? Number.NEGATIVE_INFINITY;
  return now - intendedAtMs < RISING_MS_MAX ? "rising" : "off";
}

/** Every live machine of the deployment, one entry each: those with a record, and those known only by their tag. */
export async function listMachines(
  root: string,
  deploymentId: string,
): Promise<readonly ListedMachine[]> {
  const listed = new Map<string, ListedMachine>();
  for (const { machineId, ...record } of await readRecords(root)) {
    if (record.deploymentId !== deploymentId) continue;
    const { process } = await findMachine(root, machineId);
    if (process === null) continue;
    listed.set(machineId, {
      machineId,
      externalId: externalIdOf(process),
      rawState: record.stopAskedAtMs === null ? "running" : "stopping",
      createdAt: record.startedAtMs === null ? null : instant(record.startedAtMs),
    });
  }
  const all = await tagged();
  for (const one of all) {
    if (one.deploymentId !== deploymentId || listed.has(one.machineId)) continue;
    const process = leaderOf(ofMachine(all, one.machineId));
    if (process === null) continue;
    listed.set(one.machineId, {
      machineId: one.machineId,
      externalId: externalIdOf(process),
      rawState: "running without a record",
      createdAt: null,
    });
  }
  return [...listed.values()];
}

/** Ends what a dead engine left behind outside its group, so that it holds no memory the next one needs. */
export async function killStragglers(machineId: string, log: Log): Promise<void> {
  for (const one of ofMachine(await tagged(), machineId)) {
    log.warn("local.straggler", { machine: machineId, pid: one.pid });
    await signalGroup(one, "SIGKILL");
  }
}

function ofMachine(all: readonly TaggedProcess[], machineId: string): TaggedProcess[] {
  return all.filter((one) => one.machineId === machineId);
}

/** An engine leads its own group; without one, any that is left stands for the machine. */
function leaderOf(those: readonly TaggedProcess[]): ProcessId | null {
  return those.find(({ pid, group }) => pid === group) ?? those[0] ?? null;
}
