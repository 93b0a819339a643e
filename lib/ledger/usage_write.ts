/**
 * The write on a request's path: rows opened under the fence of their machine, and rows closed, in one statement. It goes
 * over lines of our own where those reach the database; through postgres.js, which is the reference, elsewhere.
 */
import type { Sql } from "@/lib/kernel/database.ts";
import type { PgStatement } from "@/lib/kernel/pg_line.ts";
import type { PgLines } from "@/lib/kernel/pg_lines.ts";
import { textArrayOf } from "@/lib/kernel/pg_reader.ts";
import { PG_TYPES } from "@/lib/kernel/pg_writer.ts";
import {
  arrayOf,
  arraysOf,
  CLOSING,
  namesOf,
  OPENING,
  typesOf,
  unnested,
  writeArrays,
} from "./usage_columns.ts";
import type { UsageClosed, UsagePlacement, UsageRequest } from "./usage_store.ts";

/** What one write carries. */
export type UsageWrites = {
  readonly opens: readonly (UsageRequest & UsagePlacement)[];
  readonly closes: readonly UsageClosed[];
};

/** Parameters before those of CLOSING: how many rows are to be closed and opened, and the machines of the latter. */
const FIRST_CLOSING = 4;
const FIRST_OPENING = FIRST_CLOSING + Object.keys(CLOSING).length;

/**
 * An open row is looked for by `ended`, which no index knows: by `closed_at` the planner would rather read every
 * open row than the few that are named. Their times, which begin the key, are named apart, so that however small the
 * table was when this was planned, it is not read from end to end. The ids come back only where some are missing.
 */
const WRITE = `
with done as (
  select * from ${unnested("given", CLOSING, FIRST_CLOSING)}
), closed as (
  update usage set
    closed_at = done.closed_at, status = done.status, ended = done.ended, finish_reason = done.finish_reason,
    error_code = done.error_code, ttft_ms = done.ttft_ms, total_ms = done.total_ms,
    prompt_tokens = done.prompt_tokens, completion_tokens = done.completion_tokens,
    cached_tokens = done.cached_tokens, tokens_from = done.tokens_from, cost_nano_usd = done.cost_nano_usd
  from done
  where usage.id = done.id and usage.opened_at = done.opened_at and usage.ended is null
    and usage.opened_at = any(array(select opened_at from done))
  returning usage.id
), held as (
  select id from machines
  where place = 'ready' and id = any($3::text[])
  order by id
  for share
), opened as (
  insert into usage (${namesOf(OPENING)})
  select want.* from ${unnested("want", OPENING, FIRST_OPENING)}
  join held on held.id = want.machine_id
  returning id
)
select
  case when (select count(*) from closed) < $1::integer then array(select id from closed) end as closed,
  case when (select count(*) from opened) < $2::integer then array(select id from opened) end as opened
`;

/** The same for a line of our own. */
export const USAGE_STATEMENT: PgStatement = {
  text: WRITE,
  parameters: [
    ...[PG_TYPES.integer.oid, PG_TYPES.integer.oid, PG_TYPES.text.arrayOid],
    ...[...typesOf(CLOSING), ...typesOf(OPENING)].map((type) => PG_TYPES[type].arrayOid),
  ],
};

/** Per row, in their order: whether it was opened, whether this call closed it. */
export type UsageWritten = { readonly opened: boolean[]; readonly closed: boolean[] };

/**
 * Opens rows and closes others, in one commit. A row is opened only while its machine is `ready`: the share lock
 * makes this and the machine's way into `draining` take turns, so no row slips in behind a stop. Answers per row
 * whether it was opened, and whether this call closed it; a row that was closed before stays as it was. Opening a
 * row again is an error, SQLSTATE 23505.
 */
export type UsageWriter = (writes: UsageWrites) => Promise<UsageWritten>;

/** Through postgres.js. */
export async function writeRows(sql: Sql, { opens, closes }: UsageWrites): Promise<UsageWritten> {
  const [done] = await sql.unsafe<{ closed: string[] | null; opened: string[] | null }[]>(WRITE, [
    ...[closes.length, opens.length, arrayOf(machinesOf(opens))],
    ...[...arraysOf(CLOSING, closes), ...arraysOf(OPENING, opens)],
  ], { prepare: true });
  return {
    opened: standing(opens, done?.opened ?? null),
    closed: standing(closes, done?.closed ?? null),
  };
}

/** Over lines of our own that carry USAGE_STATEMENT. */
export async function writeRowsOver(
  lines: Pick<PgLines, "run">,
  { opens, closes }: UsageWrites,
): Promise<UsageWritten> {
  const [closed, opened] = await lines.run((out) => {
    out.integer(closes.length);
    out.integer(opens.length);
    out.array("text", machinesOf(opens), (id) => id);
    writeArrays(out, CLOSING, closes);
    writeArrays(out, OPENING, opens);
  });
  const ids = (bytes: Uint8Array | null | undefined) => bytes ? textArrayOf(bytes) : null;
  return { opened: standing(opens, ids(opened)), closed: standing(closes, ids(closed)) };
}

function machinesOf(opens: UsageWrites["opens"]): string[] {
  const ids: string[] = [];
  for (const { machineId } of opens) if (!ids.includes(machineId)) ids.push(machineId);
  return ids;
}

/** Whether each row is among `ids`; null: they all are. */
function standing(rows: readonly { readonly id: string }[], ids: readonly string[] | null) {
  if (ids === null) return rows.map(() => true);
  const found = new Set(ids);
  return rows.map(({ id }) => found.has(id));
}
