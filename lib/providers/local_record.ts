/** What is written down of each local machine, so that any later gateway finds it: one directory, one JSON file. */
import { z } from "zod";
import type { Millis } from "@/lib/kernel/clock.ts";
import { type ProcessId, processId } from "./local_process.ts";
import { type MachineRef, ProviderError } from "./provider.ts";

const MACHINE_ID = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const RECORD = "machine.json";

const machineRecord = z.object({
  version: z.literal(1),
  machineId: z.string().regex(MACHINE_ID),
  deploymentId: z.string().min(1),
  tier: z.string(),
  slot: z.int(),
  /** Of the last effect carried out; an older one is refused. */
  generation: z.int(),
  port: z.int().min(1).max(65_535).nullable(),
  command: z.array(z.string()),
  /** When it was last told to start, by the wall clock. */
  startedAtMs: z.number().nullable(),
  stopGraceMs: z.number().min(0),
  /** Null between the intent and the deed. */
  process: processId.nullable(),
  /** Signalled then; killed once its grace is over. */
  stopAskedAtMs: z.number().nullable(),
  /** Its directory goes once it is off. */
  destroying: z.boolean(),
});

/** One machine as its file says. The fields' units and meanings are in the schema. */
export type MachineRecord = z.infer<typeof machineRecord>;

/** Where a machine's files are. Throws ProviderError for an id that could leave the directory. */
export function machineDir(root: string, machineId: string): string {
  if (!MACHINE_ID.test(machineId)) {
    throw new ProviderError(
      "invalid-request",
      "local",
      "path",
      `cannot name a directory after "${machineId}"`,
    );
  }
  return `${root}/${machineId}`;
}

/** A record before anything was done. */
export function newRecord(ref: MachineRef, stopGraceMs: Millis): MachineRecord {
  return {
    version: 1,
    machineId: ref.machineId,
    deploymentId: ref.deploymentId,
    tier: ref.tier,
    slot: ref.slot,
    generation: 0,
    port: null,
    command: [],
    startedAtMs: null,
    stopGraceMs,
    process: null,
    stopAskedAtMs: null,
    destroying: false,
  };
}

/** The record, or null when none can be read; a file that cannot be parsed counts as lost. */
export async function readRecord(root: string, machineId: string): Promise<MachineRecord | null> {
  const text = await readText(`${machineDir(root, machineId)}/${RECORD}`);
  if (text === null) return null;
  const parsed = machineRecord.safeParse(parseJson(text));
  return parsed.success && parsed.data.machineId === machineId ? parsed.data : null;
}

/** Every record that can be read, in order of id. */
export async function readRecords(root: string): Promise<MachineRecord[]> {
  const records: MachineRecord[] = [];
  for await (const entry of Deno.readDir(root)) {
    if (!entry.isDirectory || !MACHINE_ID.test(entry.name)) continue;
    const record = await readRecord(root, entry.name);
    if (record !== null) records.push(record);
  }
  return records.sort((a, b) => a.machineId < b.machineId ? -1 : 1);
}

/** Replaces the record at once: a reader sees the old one or the new one, whole. */
export async function writeRecord(root: string, record: MachineRecord): Promise<void> {
  const dir = machineDir(root, record.machineId);
  await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
  await replaceFile(`${dir}/${RECORD}`, JSON.stringify(record, null, 1) + "\n");
}

/** Writes beside it, then renames. The caller holds the lock, or does not mind losing to another writer. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const beside = `${path}.${Deno.pid}.new`;
  await Deno.writeTextFile(beside, text, { mode: 0o600 });
  await Deno.rename(beside, path);
}

/** The process the guard wrote down before anybody else could, or null. */
export async function readGuardPid(root: string, machineId: string): Promise<ProcessId | null> {
  const text = await readText(`${machineDir(root, machineId)}/run/pid`);
  const [pid, start] = (text ?? "").trim().split(" ");
  const parsed = processId.safeParse({ pid: Number(pid), start });
  return parsed.success ? parsed.data : null;
}

/** `local:<pid>:<start>`. */
export function externalIdOf({ pid, start }: ProcessId): string {
  return `local:${pid}:${start}`;
}

/** Removes a file or directory that may not be there. */
export async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}

async function readText(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotADirectory) {
      return null;
    }
    throw thrown;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
