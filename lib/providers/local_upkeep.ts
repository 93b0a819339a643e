/** What the `local` provider does between effects: beats for the guards, ends what overstays, bounds the logs. */
import type { Clock } from "@/lib/kernel/clock.ts";
import type { Log } from "@/lib/kernel/log.ts";
import { findMachine, killStragglers, RISING_MS_MAX } from "./local_find.ts";
import { alone } from "./local_lock.ts";
import { signalGroup } from "./local_process.ts";
import {
  machineDir,
  type MachineRecord,
  readRecords,
  removeIfThere,
  writeRecord,
} from "./local_record.ts";

/** The guard kills after the grace and a second; we follow in case it is gone. */
const AFTER_GUARD_MS = 2_500;
const LOG_BYTES_MAX = 16 * 1024 * 1024;

export type UpkeepDeps = {
  readonly root: string;
  readonly deploymentId: string;
  readonly clock: Clock;
  readonly log: Log;
};

/** One round over this deployment's machines. Others' are left to their guards, which find nobody beating. */
export async function keepUp(deps: UpkeepDeps, signal: AbortSignal): Promise<void> {
  for (const record of await readRecords(deps.root)) {
    if (signal.aborted) return;
    if (record.deploymentId !== deps.deploymentId) continue;
    await beat(deps.root, record.machineId);
    await boundLog(`${machineDir(deps.root, record.machineId)}/engine.log`);
    if (needsHand(record)) await lendHand(deps, record.machineId, signal);
  }
}

/** Tells a machine's guard that a gateway lives: any change of the text does. */
export async function beat(root: string, machineId: string): Promise<void> {
  try {
    await Deno.writeTextFile(`${machineDir(root, machineId)}/alive`, `${crypto.randomUUID()}\n`);
  } catch (thrown) {
    // Its directory was just removed by whoever destroyed it.
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}

/** A start nobody recorded to its end, or a stop that is not over. */
function needsHand({ process, startedAtMs, stopAskedAtMs }: MachineRecord): boolean {
  return process === null ? startedAtMs !== null && stopAskedAtMs === null : stopAskedAtMs !== null;
}

async function lendHand(deps: UpkeepDeps, machineId: string, signal: AbortSignal): Promise<void> {
  const { root, clock, log } = deps;
  await alone(root, clock, signal, async () => {
    const { record, process } = await findMachine(root, machineId);
    if (record === null || !needsHand(record)) return;
    const nowMs = clock.now();
    if (process === null && record.stopAskedAtMs !== null) {
      await killStragglers(machineId, log);
      log.info("local.stopped", { machine: machineId, destroyed: record.destroying });
      if (record.destroying) await removeIfThere(machineDir(root, machineId));
      else await writeRecord(root, { ...record, process: null });
    } else if (process === null) {
      const gaveUp = record.startedAtMs === null || nowMs - record.startedAtMs > RISING_MS_MAX;
      if (gaveUp) await writeRecord(root, { ...record, startedAtMs: null });
    } else if (record.stopAskedAtMs === null) {
      log.info("local.adopted", { machine: machineId, pid: process.pid });
      await writeRecord(root, { ...record, process });
    } else if (nowMs - record.stopAskedAtMs > record.stopGraceMs + AFTER_GUARD_MS) {
      log.warn("local.killed", { machine: machineId, pid: process.pid });
      await signalGroup(process, "SIGKILL");
    }
  });
}

/** The engine appends to a file we cannot take from it: the full one is copied aside and emptied. Lines written between are lost. */
async function boundLog(path: string): Promise<void> {
  try {
    if ((await Deno.stat(path)).size <= LOG_BYTES_MAX) return;
    await Deno.copyFile(path, `${path}.1`);
    await Deno.truncate(path, 0);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}
