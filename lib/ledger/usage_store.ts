/**
 * Usage rows in Postgres: opened under the fence of their machine, checkpointed, closed exactly once, swept when
 * their replica died. Every statement carries many rows. What a request's path waits for is in usage_write.ts.
 */
import type { Instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { Band } from "@/lib/kernel/fleet_file.ts";
import type { NanoUsd } from "@/lib/kernel/money.ts";
import { countsJson, json, keyJson, openJson, requestJson } from "./usage_json.ts";

/** Which row: its id and the time it was opened, which also names its partition. */
export type UsageKey = { readonly id: string; readonly openedAt: Instant };

/** What is known when a request was let in. */
export type UsageRequest = UsageKey & {
  readonly requestId: string;
  readonly accountId: string;
  readonly keyId: string;
  readonly replicaId: string;
  readonly route: string;
  readonly modelAsked: string;
  readonly stream: boolean;
  readonly admitMs: number;
};

/** Where it runs: known once a machine was chosen; another machine after a failed attempt. */
export type UsagePlacement = {
  readonly model: string;
  readonly tier: string;
  readonly band: Band;
  readonly machineId: string;
  readonly wakeId: string | null;
  readonly waitMs: number;
  readonly attempts: number;
  readonly priceId: string | null;
};

export type TokensFrom = "engine" | "running" | "chunks" | "none";

export type UsageCounts = {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens: number;
  readonly tokensFrom: TokensFrom;
};

/** How a request ended. `refused`: it never ran on a machine, or its engine would not take it. `interrupted`: its replica died, and a sweep closed it. */
export type UsageEnd =
  | "complete"
  | "client_left"
  | "upstream_failed"
  | "truncated"
  | "stalled"
  | "refused"
  | "interrupted"
  | "shutdown";

export type UsageClose = UsageKey & UsageCounts & {
  readonly status: number;
  readonly ended: UsageEnd;
  readonly finishReason: string | null;
  readonly errorCode: string | null;
  readonly ttftMs: number | null;
  readonly totalMs: number;
  readonly costNanoUsd: NanoUsd;
};

/** A close, and when it was. */
export type UsageClosed = UsageClose & { readonly closedAt: Instant };

/** Points open rows at another machine, or opens those that have never been; under the fence as `writeRows`. Repeating a batch is safe. */
export async function moveRows(
  sql: Sql,
  rows: readonly (UsageRequest & UsagePlacement)[],
): Promise<boolean[]> {
  const answers = await sql<{ id: string; held: boolean }[]>`
    with want as (
      select * from json_to_recordset(${json(sql, rows.map(openJson))}::json) as t(
        id text, opened_at timestamptz, request_id text, account_id text, key_id text, replica_id text, route text,
        model_asked text, model text, tier text, band text, machine_id text, wake_id text, stream boolean,
        attempts integer, admit_ms integer, wait_ms integer, price_id text
      )
    ), held as (
      select machines.id from machines
      where machines.place = 'ready' and machines.id in (select machine_id from want)
      order by machines.id
      for share
    ), put as (
      insert into usage (
        id, opened_at, request_id, account_id, key_id, replica_id, route,
        model_asked, model, tier, band, machine_id, wake_id, stream,
        attempts, admit_ms, wait_ms, price_id
      )
      select
        want.id, opened_at, request_id, account_id, key_id, replica_id, route,
        model_asked, model, tier, band, machine_id, wake_id, stream,
        attempts, admit_ms, wait_ms, price_id
      from want join held on held.id = want.machine_id
      on conflict (opened_at, id) do update set
        model = excluded.model, tier = excluded.tier, band = excluded.band, machine_id = excluded.machine_id,
        wake_id = excluded.wake_id, attempts = excluded.attempts, wait_ms = excluded.wait_ms,
        price_id = excluded.price_id
      where usage.closed_at is null
    )
    select want.id, held.id is not null as held from want left join held on held.id = want.machine_id
  `;
  const held = new Map(answers.map((answer) => [answer.id, answer.held]));
  return rows.map((row) => held.get(row.id) ?? false);
}

/** Takes open rows off their machine, so that one that failed can drain while they look for another. */
export async function parkRows(sql: Sql, rows: readonly UsageKey[]): Promise<void> {
  await sql`
    update usage set machine_id = null
    from json_to_recordset(${
    json(sql, rows.map(keyJson))
  }::json) as done(id text, opened_at timestamptz)
    where usage.id = done.id and usage.opened_at = done.opened_at and usage.ended is null
  `;
}

/**
 * Writes the running counts of open rows, as they were at `now`; closed ones are left alone, and so are those that are
 * being closed: two statements that wait for each other's rows would both be stuck.
 */
export async function checkpointRows(
  sql: Sql,
  rows: readonly (UsageKey & UsageCounts)[],
  now: Instant,
): Promise<void> {
  const values = rows.map((row) => ({ ...keyJson(row), ...countsJson(row) }));
  await sql`
    with done as (
      select * from json_to_recordset(${json(sql, values)}::json) as t(
        id text, opened_at timestamptz, prompt_tokens bigint, completion_tokens bigint, cached_tokens bigint,
        tokens_from text
      )
    ), free as (
      select usage.id, usage.opened_at from usage join done on usage.id = done.id and usage.opened_at = done.opened_at
      where usage.ended is null and usage.opened_at = any(array(select opened_at from done))
      for update of usage skip locked
    )
    update usage set
      prompt_tokens = done.prompt_tokens, completion_tokens = done.completion_tokens,
      cached_tokens = done.cached_tokens, tokens_from = done.tokens_from, checkpoint_at = ${new Date(
    now,
  )}
    from done join free on free.id = done.id
    where usage.id = free.id and usage.opened_at = free.opened_at and usage.ended is null
      and usage.opened_at = any(array(select opened_at from free))
  `;
}

/** What is written of a request that was let in but never got a machine: a row that is born closed. */
export type RefusedUsage = UsageRequest & {
  readonly model: string;
  readonly tier: string | null;
  readonly wakeId: string | null;
  readonly waitMs: number;
  readonly status: number;
  readonly errorCode: string;
};

/** Writes rows that are born closed, when their wait was over. Repeating a batch is safe. */
export async function writeRefused(sql: Sql, rows: readonly RefusedUsage[]): Promise<void> {
  const values = rows.map((row) => ({
    ...requestJson(row),
    model: row.model,
    tier: row.tier,
    wake_id: row.wakeId,
    wait_ms: Math.round(row.waitMs),
    status: row.status,
    error_code: row.errorCode,
  }));
  await sql`
    insert into usage (
      id, opened_at, request_id, account_id, key_id, replica_id, route, model_asked, model, tier, wake_id, stream,
      admit_ms, wait_ms, total_ms, closed_at, status, ended, error_code, cost_nano_usd
    )
    select
      id, opened_at, request_id, account_id, key_id, replica_id, route, model_asked, model, tier, wake_id, stream,
      admit_ms, wait_ms, admit_ms + wait_ms, opened_at + make_interval(secs => (admit_ms + wait_ms) / 1000.0),
      status, 'refused', error_code, 0
    from json_to_recordset(${json(sql, values)}::json) as t(
      id text, opened_at timestamptz, request_id text, account_id text, key_id text, replica_id text, route text,
      model_asked text, model text, tier text, wake_id text, stream boolean, admit_ms integer, wait_ms integer,
      status integer, error_code text
    )
    on conflict (opened_at, id) do nothing
  `;
}

/**
 * Closes, at `now`, the rows of replicas that ended or have not been heard of for `deadAfterS` seconds (by the
 * database's clock, which all of them share), at their last checkpoint and the price they were opened under. Answers
 * how many.
 */
export async function sweepRows(sql: Sql, deadAfterS: number, now: Instant): Promise<number> {
  const swept = await sql`
    with dead as (
      select distinct usage.replica_id from usage
      left join replicas on replicas.id = usage.replica_id
      where usage.closed_at is null and (
        replicas.id is null or replicas.ended_at is not null
        or replicas.seen_at < now() - make_interval(secs => ${deadAfterS})
      )
    )
    update usage set
      closed_at = ${new Date(now)}, status = 502, ended = 'interrupted',
      total_ms = greatest(0, extract(epoch from coalesce(checkpoint_at, opened_at) - opened_at) * 1000)::integer,
      cost_nano_usd = coalesce((
        select round(
          (usage.prompt_tokens * prices.input_nano_usd + usage.completion_tokens * prices.output_nano_usd) / 1000000
        )
        from prices where prices.id = usage.price_id
      ), 0)
    from dead
    where usage.replica_id = dead.replica_id and usage.closed_at is null
    returning usage.id
  `;
  return swept.count;
}

/** Makes the partitions of the month of `now` and of the next. */
export async function makeUsageMonths(sql: Sql, now: Instant): Promise<void> {
  const at = new Date(now);
  await sql`
    select
      make_usage_month((${at}::timestamptz at time zone 'UTC')::date),
      make_usage_month((${at}::timestamptz at time zone 'UTC' + interval '1 month')::date)
  `;
}
