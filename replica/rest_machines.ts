/** Brings local machines to rest when the last gateway stops in order: through the keeper, so that the journal tells it. */
import { hostname } from "node:os";
import process from "node:process";
import { millis } from "@/lib/kernel/clock.ts";
import { codeOf, type Sql } from "@/lib/kernel/database.ts";
import { createKeeper, type KeeperDeps } from "@/lib/fleet/keeper.ts";
import { DEAD_AFTER, endReplica, liveReplicas } from "@/lib/fleet/replicas_store.ts";
import { sweepRows } from "@/lib/ledger/usage_store.ts";
import type { LocalProvider } from "@/lib/providers/local.ts";

export type RestDeps = KeeperDeps & {
  readonly sql: Sql;
  readonly local: LocalProvider;
  readonly replicaId: string;
};

const LOOK_EVERY = millis(150);
/** A machine that the keeper has not brought to rest by then (a killed gateway holds its lease, say) is ended without. */
const KEEPER_MS_MAX = 7_000;

/**
 * Does nothing while another replica of this host lives: the machines are its too. One that was just killed is no
 * reason, and neither are the requests it left open.
 */
export async function restMachines(deps: RestDeps, signal: AbortSignal): Promise<void> {
  const { sql, clock } = deps;
  const neighbours = (await liveReplicas(sql)).filter(({ id, host }) =>
    id !== deps.replicaId && host === hostname()
  );
  if (neighbours.some(({ pid }) => isAlive(pid))) return;
  for (const { id } of neighbours) await endReplica(sql, id);
  await sweepRows(sql, DEAD_AFTER / 1_000, clock.now());
  try {
    await throughKeeper(deps, signal);
  } finally {
    // What was still loading has no way to rest; it is ended, and the next start finds it off.
    await deps.local.stopAll(signal);
  }
}

async function throughKeeper(deps: RestDeps, signal: AbortSignal): Promise<void> {
  const { sql, clock } = deps;
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
  const endMs = clock.elapsedMs() + KEEPER_MS_MAX;
  while (!signal.aborted && clock.elapsedMs() < endMs) {
    const awake = await sql<{ id: string }[]>`
      select id from machines where provider = 'local' and place in ('ready', 'napping', 'draining', 'stopping')
    `;
    if (awake.length === 0) return;
    await Promise.all(awake.map(({ id }) => keeper.look(id)));
    await clock.sleep(LOOK_EVERY, signal);
  }
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
