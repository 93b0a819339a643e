/** What the tests of the `local` provider share: a temporary directory, a provider over it, and patience with a deadline. */
import { millis, systemClock } from "@/lib/kernel/clock.ts";
import { fleetFile, type TierSpec } from "@/lib/kernel/fleet_file.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { type LocalDeps, type LocalProvider, openLocal } from "./local.ts";
import { signalGroup, tagged } from "./local_process.ts";
import type { MachineRef } from "./provider.ts";

const LEVEL_MS_MAX = 15_000;

/** Never aborts within a test. */
export const patient = (): AbortSignal => AbortSignal.timeout(60_000);

/** A tier of the local provider that runs `script` in a shell. */
export function shellTier(script: string, stopGrace = "1s"): TierSpec {
  return tierOf(["sh", "-c", script], stopGrace);
}

export function tierOf(command: readonly string[], stopGrace = "1s"): TierSpec {
  const parsed = fleetFile.parse({
    models: [{ id: "m", name: "M", vendor: "v", kind: "chat", context_tokens: 100 }],
    lineup: [{
      name: "t",
      provider: "local",
      band: "spot",
      serves: { m: "m" },
      local: { command, env: { FROM_TIER: "port {port}" }, stop_grace: stopGrace },
    }],
  });
  const [tier] = parsed.lineup;
  if (tier === undefined) throw new Error("the fleet file has one tier");
  return tier;
}

/** An engine that lives until it is told to stop, and one that will not listen. */
export const OBEDIENT = "while :; do sleep 0.1; done";
export const STUBBORN = 'trap "" TERM; echo ready; while :; do sleep 0.1; done';

export type Bench = {
  readonly root: string;
  readonly ref: MachineRef;
  open(overrides?: Partial<LocalDeps>): Promise<LocalProvider>;
};

/** Runs `work` over a fresh directory and machine; whatever still carries the machine's tag afterwards is killed. */
export async function withBench(tier: TierSpec, work: (bench: Bench) => Promise<void>) {
  const root = await Deno.makeTempDir({ prefix: "emberlane-local-" });
  const deploymentId = `dep-${crypto.randomUUID()}`;
  const machineId = `mac_${crypto.randomUUID()}`;
  const opened: LocalProvider[] = [];
  try {
    await work({
      root,
      ref: { machineId, deploymentId, tier: tier.name, slot: 0, externalId: null },
      async open(overrides = {}) {
        const provider = await openLocal({
          tiers: [tier],
          root,
          deploymentId,
          orphanAfterMs: millis(60_000),
          env: { PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin" },
          clock: systemClock,
          log: silentLog,
          ...overrides,
        });
        opened.push(provider);
        return provider;
      },
    });
  } finally {
    for (const provider of opened) await provider.close();
    for (const one of await tagged()) {
      if (one.deploymentId === deploymentId) await signalGroup(one, "SIGKILL");
    }
    await Deno.remove(root, { recursive: true });
  }
}

/** Waits for a level, looking often; throws with `what` when it does not come. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + LEVEL_MS_MAX;
  while (!await holds()) {
    if (performance.now() > end) throw new Error(`Waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Waits until the engine's log says so. */
export async function untilLogged(root: string, ref: MachineRef, text: string): Promise<void> {
  await until(`the engine logged "${text}"`, async () => {
    const log = await Deno.readTextFile(`${root}/${ref.machineId}/engine.log`).catch(() => "");
    return log.includes(text);
  });
}

/** The engines of a machine: its tagged processes that lead their group. */
export async function enginesOf(machineId: string): Promise<number[]> {
  const all = await tagged();
  return all.filter((one) => one.machineId === machineId && one.pid === one.group)
    .map(({ pid }) => pid);
}
