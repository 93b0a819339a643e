/** Once a minute: what each provider's billing says, kept as it came and as one row per resource, with what it cost. */
import { type Clock, type Millis, millis } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { BilledResource, BillingReading } from "@/lib/providers/billing.ts";
import { ProviderError, type Providers } from "@/lib/providers/provider.ts";

/** A provider that takes longer has no snapshot this minute. */
const READ_WITHIN: Millis = millis(30_000);
const BECAUSE_CHARS_MAX = 300;
/** Run in this order for each snapshot that was read. */
const MACHINES_SQL = new URL("billed_machines.sql", import.meta.url);
const SPEND_SQL = new URL("spend_of_minute.sql", import.meta.url);

export type SnapshotDeps = {
  readonly sql: Sql;
  readonly providers: Providers;
  readonly replicaId: string;
  readonly clock: Clock;
  readonly log: Log;
};

export type SnapshotTaker = (minute: Date, signal: AbortSignal) => Promise<void>;

/** Reads the statements that price a minute once, and answers what takes the snapshots of a minute. */
export async function snapshotTaker(deps: SnapshotDeps): Promise<SnapshotTaker> {
  const statements = [await Deno.readTextFile(MACHINES_SQL), await Deno.readTextFile(SPEND_SQL)];
  return async (minute, signal) => {
    const billed = [...deps.providers.values()].filter(({ billing }) => billing !== undefined);
    await Promise.all(
      billed.map(({ name, billing }) =>
        takeOne(deps, statements, name, minute, (within) => {
          if (billing === undefined) throw new Error("unreachable: filtered");
          return billing.usage(within);
        }, signal)
      ),
    );
  };
}

/**
 * One provider's snapshot of one minute. A minute is written once: what comes second, or late, is dropped. A failure
 * is written as a gap with its class.
 */
async function takeOne(
  deps: SnapshotDeps,
  statements: readonly string[],
  provider: string,
  minute: Date,
  read: (signal: AbortSignal) => Promise<BillingReading>,
  signal: AbortSignal,
): Promise<void> {
  let reading: BillingReading;
  const overdue = new AbortController();
  const over = new AbortController();
  void deps.clock.sleep(READ_WITHIN, over.signal).then(() => overdue.abort());
  try {
    reading = await read(AbortSignal.any([signal, overdue.signal]));
  } catch (error) {
    if (signal.aborted) return; // another replica, or nobody: then the minute is a gap by its absence
    const because = overdue.signal.aborted ? "timeout: no answer within 30 s" : becauseOf(error);
    deps.log.warn("billing.gap", { provider, because });
    await deps.sql`
      insert into billing_snapshots (provider, minute, outcome, because, replica_id)
      values (${provider}, ${minute}, 'gap', ${because}, ${deps.replicaId})
      on conflict do nothing
    `;
    return;
  } finally {
    over.abort();
  }
  await writeReading(deps, statements, provider, minute, reading);
}

/**
 * Snapshot, readings and spend stand together or not at all. A total that is still the last one is not written again: what has
 * ended is listed for good.
 * Answers false for a minute that was written already, or is older than one that was.
 */
async function writeReading(
  { sql, replicaId }: SnapshotDeps,
  statements: readonly string[],
  provider: string,
  minute: Date,
  { resources, raw }: BillingReading,
): Promise<boolean> {
  return await sql.begin(async (tx) => {
    // One at a time, in order: a minute that comes after a later one would count the same money twice.
    await tx`select pg_advisory_xact_lock(hashtextextended(${`billing ${provider}`}, 0))`;
    const written = await tx`
      insert into billing_snapshots (provider, minute, outcome, raw, replica_id)
      select ${provider}, ${minute}, 'read', ${JSON.stringify(raw)}::text::jsonb, ${replicaId}
      where not exists (
        select from billing_snapshots
        where provider = ${provider} and outcome = 'read' and minute > ${minute}
      )
      on conflict do nothing
      returning minute
    `;
    if (written.length === 0) return false;
    await tx`
      with read as (
        select * from jsonb_to_recordset(${tx.json(resources.map(resourceJson))}::jsonb) as t(
          resource_id text, resource_created_at timestamptz, kind text, name text, machine_id text,
          rate_nano_usd_per_minute numeric, total_nano_usd numeric, active boolean, terminated_at timestamptz
        )
      )
      insert into billing_readings (
        provider, minute, resource_id, resource_created_at, kind, name, machine_id, tier,
        rate_nano_usd_per_minute, total_nano_usd, active, terminated_at
      )
      select distinct on (read.resource_id, known_since)
        ${provider}, ${minute}, read.resource_id, known_since, read.kind, name, machines.id, machines.tier,
        rate_nano_usd_per_minute, read.total_nano_usd, active, terminated_at
      from read
      cross join lateral (select coalesce(resource_created_at, '-infinity'::timestamptz) as known_since) as since
      left join machines on machines.provider = ${provider}
        and (machines.id = read.machine_id or (read.kind = 'machine' and machines.external_id = read.resource_id))
      left join lateral (
        select billing_readings.total_nano_usd from billing_readings
        where billing_readings.provider = ${provider}
          and billing_readings.resource_id = read.resource_id
          and billing_readings.resource_created_at = known_since
          and billing_readings.minute < ${minute}
        order by billing_readings.minute desc
        limit 1
      ) as last on true
      where last.total_nano_usd is distinct from read.total_nano_usd
      order by read.resource_id, known_since, machines.id
    `;
    for (const statement of statements) {
      await tx.unsafe(statement, [provider, minute.toISOString()]);
    }
    return true;
  });
}

function resourceJson(resource: BilledResource) {
  return {
    resource_id: resource.resourceId,
    resource_created_at: resource.createdAt === null
      ? null
      : new Date(resource.createdAt).toISOString(),
    kind: resource.kind,
    name: resource.name,
    machine_id: resource.machineId,
    rate_nano_usd_per_minute: resource.nanoUsdPerMinute.toString(),
    total_nano_usd: resource.totalNanoUsd.toString(),
    active: resource.active,
    terminated_at: resource.terminatedAt === null
      ? null
      : new Date(resource.terminatedAt).toISOString(),
  };
}

function becauseOf(error: unknown): string {
  const text = error instanceof ProviderError
    ? `${error.kind}: ${error.message}`
    : `failed: ${error instanceof Error ? error.message : String(error)}`;
  return text.slice(0, BECAUSE_CHARS_MAX);
}
