/** The journal: every move of the fleet, why, and what came of it. Append-only; read here by the CLI and the pages. */
import type postgres from "postgres";
import { type Instant, instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { newId } from "@/lib/kernel/ids.ts";
import type { Act } from "./decide.ts";
import type { MoveOutcome } from "./machine_store.ts";
import type { PlaceName } from "./place.ts";

export type JournalEntry =
  & {
    readonly id: string;
    readonly at: Instant;
    readonly tier: string | null;
    readonly because: string;
    readonly detail: Readonly<Record<string, unknown>>;
    readonly replicaId: string | null;
  }
  & (
    | {
      readonly kind: "move";
      readonly machineId: string;
      readonly generation: number;
      readonly fromPlace: PlaceName | null;
      readonly toPlace: PlaceName;
      readonly act: Act | null;
    }
    | {
      readonly kind: "outcome";
      readonly machineId: string | null;
      readonly moveId: string;
      readonly outcome: MoveOutcome;
    }
    | { readonly kind: "note"; readonly machineId: string | null }
  );

export type JournalFilter = {
  readonly tier?: string;
  readonly machineId?: string;
  readonly since?: Instant;
  /** Only entries written after this one, oldest first: to follow the journal. An unknown one has none after it. */
  readonly afterId?: string;
  /** At most {@link JOURNAL_PAGE_MAX}. */
  readonly limit: number;
};

export const JOURNAL_PAGE_MAX = 1_000;

/** Entries in the order they were written, oldest first: the newest `limit`, or those right after `afterId`. */
export async function readJournal(sql: Sql, filter: JournalFilter): Promise<JournalEntry[]> {
  const { tier = null, machineId = null, since = null, afterId = null } = filter;
  const limit = Math.min(filter.limit, JOURNAL_PAGE_MAX);
  const rows = await sql<JournalRow[]>`
    select
      id, at, kind, machine_id as "machineId", tier, generation, from_place as "fromPlace",
      to_place as "toPlace", act, because, move_id as "moveId", outcome, detail, replica_id as "replicaId"
    from operations
    where (${tier}::text is null or tier = ${tier})
      and (${machineId}::text is null or machine_id = ${machineId})
      and (${since === null ? null : new Date(since)}::timestamptz is null or at >= ${
    since === null ? null : new Date(since)
  })
      and (${afterId}::text is null or seq > (select seq from operations where id = ${afterId}))
    order by seq ${afterId === null ? sql`desc` : sql`asc`}
    limit ${limit}
  `;
  const entries = rows.map(entryOf);
  return afterId === null ? entries.reverse() : entries;
}

export type Note = {
  readonly because: string;
  readonly machineId?: string | null;
  readonly tier?: string | null;
  readonly detail?: Readonly<Record<string, string | number | boolean | null>>;
  readonly replicaId?: string | null;
};

/** A pool, or a transaction of it. */
export type SqlOrTransaction = postgres.ISql<{ bigint: number }>;

/** Writes down what happened to the fleet outside a machine's moves. Answers the entry's id. */
export async function note(sql: SqlOrTransaction, entry: Note, now: Instant): Promise<string> {
  const { because, machineId = null, tier = null, detail = {}, replicaId = null } = entry;
  const id = newId("opr", now);
  await sql`
    insert into operations (id, at, kind, machine_id, tier, because, detail, replica_id)
    values (
      ${id}, ${new Date(now)}, 'note', ${machineId}, ${tier}, ${because}, ${
    sql.json(detail)
  }, ${replicaId}
    )
  `;
  return id;
}

/** As the table's checks have it: what a kind must carry is there. */
type JournalRow =
  & {
    id: string;
    at: Date;
    tier: string | null;
    because: string;
    detail: Record<string, unknown>;
    replicaId: string | null;
  }
  & (
    | {
      kind: "move";
      machineId: string;
      generation: number;
      fromPlace: PlaceName | null;
      toPlace: PlaceName;
      act: Act | null;
    }
    | { kind: "outcome"; machineId: string | null; moveId: string; outcome: MoveOutcome }
    | { kind: "note"; machineId: string | null }
  );

function entryOf(row: JournalRow): JournalEntry {
  const { id, tier, because, detail, replicaId } = row;
  const shared = { id, at: instant(row.at.getTime()), tier, because, detail, replicaId };
  switch (row.kind) {
    case "move": {
      const { kind, machineId, generation, fromPlace, toPlace, act } = row;
      return { ...shared, kind, machineId, generation, fromPlace, toPlace, act };
    }
    case "outcome": {
      const { kind, machineId, moveId, outcome } = row;
      return { ...shared, kind, machineId, moveId, outcome };
    }
    case "note":
      return { ...shared, kind: row.kind, machineId: row.machineId };
  }
}
