/** What reconciling needs remembered, in Postgres: our machines, and the journal's notes of those nobody remembers. */
import { type Instant, instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { type Note, note } from "./journal_store.ts";
import { RETIRED_WATCH_MS } from "./machine_store.ts";
import type { KnownMachine, Suspicion } from "./orphans.ts";

export type OrphanJournal = {
  /** Our machines of a provider, less those long retired and at rest. */
  known(provider: string, now: Instant): Promise<readonly KnownMachine[]>;
  /** Those found unknown that have not turned out ours or gone since, by the provider's name for them. */
  suspicions(provider: string): Promise<ReadonlyMap<string, Suspicion>>;
  note(entry: Note, now: Instant): Promise<void>;
};

/** What is journalled of an orphan, in order. The index over them knows them by their first word. */
export const ORPHAN_SEEN = "orphan seen";
export const ORPHAN_ENDING = "orphan confirmed; asked to end";
export const ORPHAN_GONE = "orphan gone";
export const ORPHAN_OURS = "orphan was ours after all";

/** Over the database; `replicaId` names the writer, null for the command line. */
export function orphanJournal(sql: Sql, replicaId: string | null): OrphanJournal {
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
    suspicions: (provider) => suspicions(sql, provider),
    async note(entry, now) {
      await note(sql, { ...entry, replicaId }, now);
    },
  };
}

async function suspicions(sql: Sql, provider: string): Promise<ReadonlyMap<string, Suspicion>> {
  type Row = {
    externalId: string;
    machineId: string | null;
    firstSeenAt: Date;
    asks: number;
    lastAskedAt: Date | null;
  };
  const rows = await sql<Row[]>`
    with noted as (
      select seq, at, because, detail->>'externalId' as external_id, detail->>'tagged' as tagged
      from operations
      where kind = 'note' and because like 'orphan %' and detail->>'provider' = ${provider}
    ), closed as (
      select external_id, max(seq) as seq from noted
      where because in (${ORPHAN_GONE}, ${ORPHAN_OURS})
      group by external_id
    )
    select
      noted.external_id as "externalId",
      max(noted.tagged) as "machineId",
      min(noted.at) filter (where noted.because = ${ORPHAN_SEEN}) as "firstSeenAt",
      (count(*) filter (where noted.because = ${ORPHAN_ENDING}))::integer as asks,
      max(noted.at) filter (where noted.because = ${ORPHAN_ENDING}) as "lastAskedAt"
    from noted
    left join closed on closed.external_id = noted.external_id
    where closed.seq is null or noted.seq > closed.seq
    group by noted.external_id
    having bool_or(noted.because = ${ORPHAN_SEEN})
  `;
  return new Map(rows.map(({ externalId, machineId, firstSeenAt, asks, lastAskedAt }) => [
    externalId,
    {
      machineId,
      firstSeenAt: instant(firstSeenAt.getTime()),
      asks,
      lastAskedAt: lastAskedAt === null ? null : instant(lastAskedAt.getTime()),
    },
  ]));
}
