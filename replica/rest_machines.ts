/** Brings local machines to rest when the last gateway stops in order: through the keeper, so that the journal tells it. */
import { hostname } from "node:os";
import process from "node:process";
import { millis } from "@/lib/kernel/clock.ts";
import { codeOf, type Sql } from "@/lib/kernel/database.ts";
import { createKeeper, type KeeperDeps } from "@/lib/fleet/keeper.ts";
import { liveReplicas } from "@/lib/fleet/replicas_store.ts";
import type { LocalProvider } from "@/lib/providers/local.ts";

export type RestDeps = KeeperDeps & {
  readonly sql: Sql;
  readonly local: LocalProvider;
  readonly replicaId: string;
};

const LOOK_EVERY = millis(150);
const ROUNDS_MAX = 100;

/** Does nothing while another replica of this host lives: the machines are its too. One that was just killed is no reason. */
export async function restMachines(deps: RestDeps, signal: AbortSignal): Promise<void> {
  const others = (await liveReplicas(deps.sql)).filter((replica) => replica.id !== deps.replicaId);
  if (others.some(({ host, pid }) => host === hostname() && isAlive(pid))) return;
  const keeper = createKeeper({
    ...deps,
    // Nothing is wanted any more, and no quiet time is waited for.
    policyOf: (machine) => ({
      ...deps.policyOf(machine),
      idle: millis(0),
      nap: null,
      alwaysReady: false,
    }),
  });
  for (let round = 0; round < ROUNDS_MAX && !signal.aborted; round++) {
    const awake = await deps.sql<{ id: string }[]>`
      select id from machines where provider = 'local' and place in ('ready', 'napping', 'draining', 'stopping')
    `;
    if (awake.length === 0) break;
    await Promise.all(awake.map(({ id }) => keeper.look(id)));
    await deps.clock.sleep(LOOK_EVERY, signal);
  }
  // What was still loading has no way to rest; it is ended, and the next start finds it off.
  await deps.local.stopAll(signal);
}

/** Whether a process of this number runs; the heartbeat of a killed one stays fresh for some seconds. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It runs, and is not ours to signal.
    return codeOf(error) === "EPERM";
  }
}
