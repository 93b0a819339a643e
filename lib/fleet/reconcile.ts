/** Compares each provider's list with ours, and ends machines that nobody remembers. Every step is journalled. */
import { type Clock, type Millis, seconds } from "@/lib/kernel/clock.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { ListedMachine, MachineRef, Provider, Providers } from "@/lib/providers/provider.ts";
import { asError, kindOf, within } from "./failure.ts";
import type { Note } from "./journal_store.ts";
import {
  ORPHAN_ENDING,
  ORPHAN_GONE,
  ORPHAN_OURS,
  ORPHAN_SEEN,
  type OrphanJournal,
} from "./orphan_journal.ts";
import { CLINGS_FROM_ASK, ghosts, judge, type Suspicion } from "./orphans.ts";

export type ReconcileDeps = {
  readonly clock: Clock;
  readonly providers: Providers;
  readonly deploymentId: string;
  readonly log: Log;
  readonly journal: OrphanJournal;
  /** Asks the keeper to look at a machine of ours whose computer is not listed; nothing is concluded here. */
  readonly onGhost?: (machineId: string) => void;
};

const LIST_LIMIT: Millis = seconds(60);
const DESTROY_LIMIT: Millis = seconds(60);
const STATUS_LIMIT: Millis = seconds(10);

export type Reconciled = {
  /** Found unknown for the first time. */
  readonly seen: number;
  /** Ended, or found to have ended: the provider said so. */
  readonly ended: number;
  /** Machines that are still there after they were asked to end, and providers that did not list. */
  readonly failed: number;
  /** Unknown machines that are not known to be gone. */
  readonly open: number;
  readonly ghosts: number;
};

/**
 * One round over all providers; cut short when the signal aborts. A provider that does not list concludes nothing. `suspectsOnly`: providers without an
 * unknown machine under watch are not asked; it confirms and ends between two whole rounds, so that an orphan is gone
 * soon after it was found.
 */
export async function reconcile(
  deps: ReconcileDeps,
  signal: AbortSignal,
  { suspectsOnly = false }: { suspectsOnly?: boolean } = {},
): Promise<Reconciled> {
  const total = { seen: 0, ended: 0, failed: 0, open: 0, ghosts: 0 };
  for (const provider of deps.providers.values()) {
    const suspicions = await deps.journal.suspicions(provider.name);
    if (suspectsOnly && suspicions.size === 0) continue;
    try {
      const found = await reconcileProvider(deps, provider, suspicions, signal);
      for (const count of ["seen", "ended", "failed", "open", "ghosts"] as const) {
        total[count] += found[count];
      }
    } catch (error) {
      if (signal.aborted) break;
      total.failed++;
      total.open += suspicions.size;
      const fields = { provider: provider.name, kind: kindOf(error), error: asError(error) };
      deps.log.warn("reconcile.failed", fields);
    }
  }
  return total;
}

async function reconcileProvider(
  deps: ReconcileDeps,
  provider: Provider,
  suspicions: ReadonlyMap<string, Suspicion>,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { clock, deploymentId, journal, log } = deps;
  // The list is read before our table: a machine written down in between is ours, not an orphan.
  const listed = await within(
    clock,
    LIST_LIMIT,
    signal,
    (limited) => provider.list(deploymentId, limited),
  );
  const now = clock.now();
  const known = await journal.known(provider.name, now);
  const total = { seen: 0, ended: 0, failed: 0, open: 0, ghosts: 0 };
  for (const machine of listed) {
    const suspicion = suspicions.get(machine.externalId) ?? null;
    const verdict = judge(machine, known, { ...provider.capabilities, suspicion }, now);
    if (verdict.kind === "ours") {
      if (suspicion !== null) await journal.note(entryFor(provider, machine, ORPHAN_OURS), now);
      continue;
    }
    if (verdict.kind === "seen") {
      total.seen++;
      await journal.note(entryFor(provider, machine, ORPHAN_SEEN), now);
      const { externalId } = machine;
      log.warn("reconcile.orphan_seen", { provider: provider.name, externalId });
    }
    total.open++;
    if (verdict.kind !== "orphan") continue;
    switch (await end(deps, provider, machine, verdict.ask, signal)) {
      case "gone":
        total.ended++;
        total.open--;
        break;
      case "there":
        total.failed++;
        break;
      case "ours":
        total.open--;
    }
  }
  const there = new Set(listed.map(({ externalId }) => externalId));
  for (const [externalId, suspicion] of suspicions) {
    if (there.has(externalId)) continue;
    const { machineId } = suspicion;
    const machine = { externalId, machineId, rawState: "not listed", createdAt: null };
    // Where nothing is rented a list is of what runs: what is not on it has ended.
    if (!provider.capabilities.creates || await isGone(deps, provider, machine, signal)) {
      await journal.note(entryFor(provider, machine, ORPHAN_GONE), clock.now());
      total.ended++;
    } else total.open++;
  }
  if (provider.capabilities.creates) {
    for (const ghost of ghosts(listed, known)) {
      total.ghosts++;
      log.warn("reconcile.ghost", { provider: provider.name, machineId: ghost.id });
      deps.onGhost?.(ghost.id);
    }
  }
  return total;
}

/** Asks one orphan to end, and believes it only when the provider says it is gone: now, or at a later look. */
async function end(
  deps: ReconcileDeps,
  provider: Provider,
  machine: ListedMachine,
  ask: number,
  signal: AbortSignal,
): Promise<"gone" | "there" | "ours"> {
  const { clock, journal, log } = deps;
  // The keeper may have taken it up since the list was compared, and send it requests by now.
  const known = await journal.known(provider.name, clock.now());
  const { creates } = provider.capabilities;
  if (judge(machine, known, { creates, suspicion: null }, clock.now()).kind === "ours") {
    await journal.note(entryFor(provider, machine, ORPHAN_OURS), clock.now());
    return "ours";
  }
  const owner = known.find((each) => each.id === machine.machineId);
  // No move of ours stands behind it: as new as the last move of the machine it was made for.
  const key = { generation: owner?.generation ?? Number.MAX_SAFE_INTEGER };
  const ending = entryFor(provider, machine, ORPHAN_ENDING);
  await journal.note({ ...ending, detail: { ...ending.detail, ask } }, clock.now());
  const fields = { provider: provider.name, externalId: machine.externalId, ask };
  if (ask >= CLINGS_FROM_ASK) log.error("reconcile.orphan_clings", fields);
  try {
    const ref = refOf(deps, machine);
    await within(clock, DESTROY_LIMIT, signal, (limited) => provider.destroy(ref, key, limited));
  } catch (error) {
    signal.throwIfAborted();
    const kind = kindOf(error);
    log.warn("reconcile.destroy_failed", { ...fields, kind, error: asError(error) });
    return "there";
  }
  if (!await isGone(deps, provider, machine, signal)) return "there";
  await journal.note(entryFor(provider, machine, ORPHAN_GONE), clock.now());
  return "gone";
}

/** Whether the provider says so; false when it cannot be asked. */
async function isGone(
  deps: ReconcileDeps,
  provider: Provider,
  machine: ListedMachine,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const ref = refOf(deps, machine);
    const { power } = await within(
      deps.clock,
      STATUS_LIMIT,
      signal,
      (limited) => provider.status(ref, limited),
    );
    return power === "gone";
  } catch (error) {
    signal.throwIfAborted();
    const { externalId } = machine;
    const fields = { provider: provider.name, externalId, kind: kindOf(error) };
    deps.log.warn("reconcile.status_unknown", { ...fields, error: asError(error) });
    return false;
  }
}

function refOf({ deploymentId }: ReconcileDeps, machine: ListedMachine): MachineRef {
  const { externalId, machineId } = machine;
  return { machineId: machineId ?? "", deploymentId, tier: "", slot: 0, externalId };
}

function entryFor(
  provider: Provider,
  { externalId, machineId, rawState }: ListedMachine,
  because: string,
): Note {
  return { because, detail: { provider: provider.name, externalId, tagged: machineId, rawState } };
}
