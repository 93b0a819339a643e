/** The write on a request's path: rows opened under the fence of their machine, and rows closed, in one statement. */
import type { Sql } from "@/lib/kernel/database.ts";
import { closeJson, json, openJson } from "./usage_json.ts";
import type { UsageClosed, UsagePlacement, UsageRequest } from "./usage_store.ts";

/** What one write carries. */
export type UsageWrites = {
  readonly opens: readonly (UsageRequest & UsagePlacement)[];
  readonly closes: readonly UsageClosed[];
};

/**
 * Opens rows and closes others, in one statement and one commit. A row is opened only while its machine is `ready`:
 * the share lock makes this and the machine's way into `draining` take turns, so no row slips in behind a stop.
 * Answers per row whether it was opened, and whether this call closed it; a row that was closed before stays as it
 * was. Opening a row again is an error, SQLSTATE 23505.
 *
 * An open row is looked for by `ended`, which no index knows: by `closed_at` the planner would rather read every
 * open row than the few that are named.
 */
export async function writeRows(
  sql: Sql,
  { opens, closes }: UsageWrites,
): Promise<{ opened: boolean[]; closed: boolean[] }> {
  const machineIds = [...new Set(opens.map((row) => row.machineId))];
  const done = await sql<{ id: string; opened: boolean }[]>`
    with done as (
      select * from json_to_recordset(${json(sql, closes.map(closeJson))}::json) as t(
        id text, opened_at timestamptz, closed_at timestamptz, status integer, ended text, finish_reason text,
        error_code text, ttft_ms integer, total_ms integer, prompt_tokens bigint, completion_tokens bigint,
        cached_tokens bigint, tokens_from text, cost_nano_usd numeric
      )
    ), closed as (
      update usage set
        closed_at = done.closed_at, status = done.status, ended = done.ended, finish_reason = done.finish_reason,
        error_code = done.error_code, ttft_ms = done.ttft_ms, total_ms = done.total_ms,
        prompt_tokens = done.prompt_tokens, completion_tokens = done.completion_tokens,
        cached_tokens = done.cached_tokens, tokens_from = done.tokens_from, cost_nano_usd = done.cost_nano_usd
      from done
      where usage.id = done.id and usage.opened_at = done.opened_at and usage.ended is null
        and usage.opened_at = any(array(select opened_at from done)) and usage.id = any(array(select id from done))
      returning usage.id
    ), held as (
      select id from machines
      where place = 'ready' and id = any(${machineIds}::text[])
      order by id
      for share
    ), opened as (
      insert into usage (
        id, opened_at, request_id, account_id, key_id, replica_id, route,
        model_asked, model, tier, band, machine_id, wake_id, stream,
        attempts, admit_ms, wait_ms, price_id
      )
      select
        want.id, opened_at, request_id, account_id, key_id, replica_id, route,
        model_asked, model, tier, band, machine_id, wake_id, stream,
        attempts, admit_ms, wait_ms, price_id
      from json_to_recordset(${json(sql, opens.map(openJson))}::json) as want(
        id text, opened_at timestamptz, request_id text, account_id text, key_id text, replica_id text, route text,
        model_asked text, model text, tier text, band text, machine_id text, wake_id text, stream boolean,
        attempts integer, admit_ms integer, wait_ms integer, price_id text
      )
      join held on held.id = want.machine_id
      returning id
    )
    select id, false as opened from closed union all select id, true from opened
  `;
  const standing = new Set<string>();
  const ended = new Set<string>();
  for (const { id, opened } of done) (opened ? standing : ended).add(id);
  return {
    opened: opens.map((row) => standing.has(row.id)),
    closed: closes.map((row) => ended.has(row.id)),
  };
}
