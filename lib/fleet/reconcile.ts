/** Compares each provider's list with ours, and ends machines that nobody remembers. Every step is journalled. */
import { type Clock, type Instant, instant, type Millis, seconds } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { ListedMachine, MachineRef, Provider, Providers } from "@/lib/providers/provider.ts";
import { asError, kindOf, within } from "./failure.ts";
import { type Note, note } from "./journal_store.ts";
import { RETIRED_WATCH_MS } from "./machine_store.ts";
import { judge, type KnownMachine } from "./orphans.ts";

export type ReconcileDeps = {
  readonly clock: Clock;
  readonly providers: Providers;
  readonly deploymentId: string;
  readonly log: Log;
  readonly journal: OrphanJournal;
};

/** What reconciling needs remembered. */
export type OrphanJournal = {
  /** Our machines of a provider, less those long retired and at rest. */
  known(provider: string, now: Instant): Promise<readonly KnownMachine[]>;
  /** When each of these was first found unknown, within the last day and since it last turned out ours or gone. */
  firstSeen(
    provider: string,
    externalIds: readonly string[],
  ): Promise<ReadonlyMap<string, Instant>>;
  note(entry: Note, now: Instant): Promise<void>;
};

/** What is journalled of an orphan, in order. */
export const ORPHAN_SEEN = "orphan seen";
export const ORPHAN_ENDING = "orphan confirmed; destroyed";
export const ORPHAN_GONE = "orphan gone";
export const ORPHAN_OURS = "orphan was ours after all";

const LIST_LIMIT: Millis = seconds(60);
const DESTROY_LIMIT: Millis = seconds(60);
const STATUS_LIMIT: Millis = seconds(10);

export type Reconciled = { readonly seen: number; readonly ended: number; readonly failed: number };

/** One round over all providers; the cron calls it every 5 minutes. A provider that does not list concludes nothing. */
export async function reconcile(deps: ReconcileDeps, signal: AbortSignal): Promise<Reconciled> {
  const total = { seen: 0, ended: 0, failed: 0 };
  for (const provider of deps.providers.values()) {
    try {
      const found = await reconcileProvider(deps, provider, signal);
      total.seen += found.seen;
      total.ended += found.ended;
      total.failed += found.failed;
    } catch (error) {
      total.failed++;
      const fields = { provider: provider.name, kind: kindOf(error), error: asError(error) };
      deps.log.warn("reconcile.failed", fields);
    }
  }
  return total;
}

async function reconcileProvider(
  deps: ReconcileDeps,
  provider: Provider,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { clock, deploymentId, journal } = deps;
  // The list is read before our table: a machine written down in between is ours, not an orphan.
  const listed = await within(
    clock,
    LIST_LIMIT,
    signal,
    (limited) => provider.list(deploymentId, limited),
  );
  const now = clock.now();
  const known = await journal.known(provider.name, now);
  const ids = listed.map((machine) => machine.externalId);
  const firstSeen = await journal.firstSeen(provider.name, ids);
  const total = { seen: 0, ended: 0, failed: 0 };
  for (const machine of listed) {
    const firstSeenAt = firstSeen.get(machine.externalId) ?? null;
    const { creates } = provider.capabilities;
    const verdict = judge(machine, known, { creates, firstSeenAt }, now);
    if (verdict.kind === "ours" && firstSeenAt !== null) {
      await journal.note(entryFor(provider, machine, ORPHAN_OURS), now);
    }
    if (verdict.kind === "seen") {
      total.seen++;
      await journal.note(entryFor(provider, machine, ORPHAN_SEEN), now);
      deps.log.warn("reconcile.orphan_seen", {
        provider: provider.name,
        externalId: machine.externalId,
      });
    }
    if (verdict.kind !== "orphan") continue;
    if (await end(deps, provider, machine, known, signal)) total.ended++;
    else total.failed++;
  }
  return total;
}

/** Ends one orphan, and believes it only when the provider says it is gone. The next round tries again. */
async function end(
  { clock, deploymentId, journal, log }: ReconcileDeps,
  provider: Provider,
  machine: ListedMachine,
  known: readonly KnownMachine[],
  signal: AbortSignal,
): Promise<boolean> {
  const owner = known.find((each) => each.id === machine.machineId);
  const ref: MachineRef = {
    machineId: machine.machineId ?? "",
    deploymentId,
    tier: "",
    slot: 0,
    externalId: machine.externalId,
  };
  // No move of ours stands behind it: as new as the last move of the machine it was made for.
  const key = { generation: owner?.generation ?? Number.MAX_SAFE_INTEGER };
  await journal.note(entryFor(provider, machine, ORPHAN_ENDING), clock.now());
  try {
    await within(clock, DESTROY_LIMIT, signal, (limited) => provider.destroy(ref, key, limited));
    const status = await within(
      clock,
      STATUS_LIMIT,
      signal,
      (limited) => provider.status(ref, limited),
    );
    if (status.power !== "gone") return false;
  } catch (error) {
    const fields = { provider: provider.name, externalId: machine.externalId };
    log.warn("reconcile.destroy_failed", { ...fields, kind: kindOf(error), error: asError(error) });
    return false;
  }
  await journal.note(entryFor(provider, machine, ORPHAN_GONE), clock.now());
  return true;
}

function entryFor(provider: Provider, machine: ListedMachine, because: string): Note {
  const { externalId, machineId, rawState } = machine;
  return { because, detail: { provider: provider.name, externalId, tagged: machineId, rawState } };
}

/** The journal of orphans in Postgres. */
export function orphanJournal(sql: Sql, replicaId: string): OrphanJournal {
  return {
    async known(provider, now) {
      return await sql<KnownMachine[]>`
        select id, provider, external_id as "externalId", generation, place from machines
        where provider = ${provider} and (
          retired_at is null or place not in ('absent', 'asleep')
          or place_since > ${new Date(now - RETIRED_WATCH_MS)}
        )
      `;
    },
    async firstSeen(provider, externalIds) {
      const rows = await sql<{ externalId: string; at: Date }[]>`
        select seen.detail->>'externalId' as "externalId", min(seen.at) as at
        from operations seen
        where seen.kind = 'note' and seen.because = ${ORPHAN_SEEN} and seen.at > now() - interval '1 day'
          and seen.detail->>'provider' = ${provider}
          and seen.detail->>'externalId' = any(${[...externalIds]})
          and not exists (
            select 1 from operations over
            where over.kind = 'note' and over.because in (${ORPHAN_GONE}, ${ORPHAN_OURS})
              and over.seq > seen.seq
              and over.detail->>'provider' = ${provider}
              and over.detail->>'externalId' = seen.detail->>'externalId'
          )
        group by 1
      `;
      return new Map(rows.map((row) => [row.externalId, instant(row.at.getTime())]));
    },
    async note(entry, now) {
      await note(sql, { ...entry, replicaId }, now);
    },
  };
}
