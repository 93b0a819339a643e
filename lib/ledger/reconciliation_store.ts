/** Days of bills as two sides tell them: ours summed from spend, and both as they were written down. */
import type { Instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { NanoUsd } from "@/lib/kernel/money.ts";
import { dayRange } from "./publication/inputs.ts";

const MINUTES_OF_DAY = 1_440;

export type MachineDay = {
  /** The provider's id of the computer. */
  readonly resourceId: string;
  readonly machineId: string;
  readonly nanoUsd: NanoUsd;
  /** Whose money was not for storage; across a gap all of the gap counts. */
  readonly minutes: number;
};

export type OurDay = {
  /** Of the whole account: what is not ours is in the provider's sum too. */
  readonly nanoUsd: NanoUsd;
  readonly machines: readonly MachineDay[];
  readonly missingMinutes: number;
};

/** One row of a day: the account's has no resource. */
export type Reconciled = {
  readonly resourceId: string;
  readonly machineId: string | null;
  readonly oursNanoUsd: NanoUsd;
  /** Null: the provider did not say. */
  readonly theirsNanoUsd: NanoUsd | null;
  readonly oursMinutes: number | null;
  readonly theirsMinutes: number | null;
};

export type ReconciledDay = {
  readonly provider: string;
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
  readonly missingMinutes: number;
  readonly account: Reconciled;
  readonly machines: readonly Reconciled[];
};

export async function isReconciled(sql: Sql, provider: string, day: string): Promise<boolean> {
  const rows = await sql`
    select from reconciliations where provider = ${provider} and day = ${day} and resource_id = ''
  `;
  return rows.length > 0;
}

/** Null when no bill was read that day. Its money is that of its snapshots, as in the figures by day. */
export async function ourDay(sql: Sql, provider: string, day: string): Promise<OurDay | null> {
  const { from, to } = dayRange(day);
  const [account] = await sql<{ read: number; nano: string }[]>`
    select
      (
        select count(*)::integer from billing_snapshots
        where provider = ${provider} and outcome = 'read'
          and minute >= ${new Date(from)} and minute < ${new Date(to)}
      ) as read,
      (
        select coalesce(sum(nano_usd), 0)::text from spend
        where provider = ${provider} and minute >= ${new Date(from)} and minute < ${new Date(to)}
      ) as nano
  `;
  if (account === undefined || account.read === 0) return null;
  const machines = await sql<
    { resourceId: string; machineId: string; nano: string; minutes: number }[]
  >`
    with looks as (
      select minute, minute - lag(minute) over (order by minute) as span
      from billing_snapshots
      where provider = ${provider} and outcome = 'read'
        and minute >= ${new Date(from)}::timestamptz - interval '1 day' and minute < ${new Date(to)}
    )
    select
      spend.resource_id as "resourceId",
      max(spend.machine_id) as "machineId",
      sum(nano_usd)::text as nano,
      (coalesce(sum(extract(epoch from span)) filter (where nano_usd > 0 and use <> 'storage'), 0) / 60)::float8 as minutes
    from spend
    join billing_readings using (provider, minute, resource_id, resource_created_at)
    join looks on looks.minute = spend.minute
    where provider = ${provider} and spend.minute >= ${new Date(
    from,
  )} and spend.minute < ${new Date(to)}
      and kind = 'machine' and spend.machine_id is not null
    group by spend.resource_id
    order by spend.resource_id
  `;
  return {
    nanoUsd: BigInt(account.nano),
    missingMinutes: MINUTES_OF_DAY - account.read,
    machines: machines.map(({ nano, ...rest }) => ({ ...rest, nanoUsd: BigInt(nano) })),
  };
}

/** All of a day, or nothing. What another replica wrote stands. */
export async function writeReconciled(
  sql: Sql,
  provider: string,
  day: string,
  rows: readonly Reconciled[],
  missingMinutes: number,
  now: Instant,
): Promise<void> {
  const json = rows.map((row) => ({
    resource_id: row.resourceId,
    machine_id: row.machineId,
    ours_nano_usd: row.oursNanoUsd.toString(),
    theirs_nano_usd: row.theirsNanoUsd?.toString() ?? null,
    ours_minutes: row.oursMinutes,
    theirs_minutes: row.theirsMinutes,
  }));
  await sql`
    insert into reconciliations (
      provider, day, resource_id, machine_id, ours_nano_usd, theirs_nano_usd, ours_minutes, theirs_minutes,
      missing_minutes, made_at
    )
    select
      ${provider}, ${day}::date, resource_id, machine_id, ours_nano_usd, theirs_nano_usd, ours_minutes, theirs_minutes,
      ${missingMinutes}, ${new Date(now)}
    from jsonb_to_recordset(${sql.json(json)}::jsonb) as t (
      resource_id text, machine_id text, ours_nano_usd numeric, theirs_nano_usd numeric, ours_minutes numeric,
      theirs_minutes numeric
    )
    on conflict do nothing
  `;
}

/** The last days of each provider, newest first; machines by their ids. */
export async function readReconciled(sql: Sql, days: number): Promise<ReconciledDay[]> {
  const rows = await sql<
    {
      provider: string;
      day: string;
      missingMinutes: number;
      resourceId: string;
      machineId: string | null;
      ours: string;
      theirs: string | null;
      oursMinutes: number | null;
      theirsMinutes: number | null;
    }[]
  >`
    select
      provider, to_char(day, 'YYYY-MM-DD') as day, missing_minutes as "missingMinutes", resource_id as "resourceId",
      machine_id as "machineId", ours_nano_usd::text as ours, theirs_nano_usd::text as theirs,
      ours_minutes::float8 as "oursMinutes", theirs_minutes::float8 as "theirsMinutes"
    from reconciliations
    where day > (select max(day) from reconciliations) - ${days}::integer
    order by reconciliations.day desc, provider, resource_id
  `;
  const found = new Map<string, { -readonly [K in keyof ReconciledDay]: ReconciledDay[K] }>();
  for (const { provider, day, missingMinutes, ours, theirs, ...rest } of rows) {
    const row: Reconciled = {
      ...rest,
      oursNanoUsd: BigInt(ours),
      theirsNanoUsd: theirs === null ? null : BigInt(theirs),
    };
    const key = `${provider} ${day}`;
    const known = found.get(key);
    // The account's row sorts before its machines: its resource has no name.
    if (known === undefined) {
      found.set(key, { provider, day, missingMinutes, account: row, machines: [] });
    } else known.machines = [...known.machines, row];
  }
  return [...found.values()];
}
