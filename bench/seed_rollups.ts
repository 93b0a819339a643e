/**
 * A month of a busy deployment as the ledger would hold it: eight machines of three tiers, two models on each, bills and
 * roll-ups of every minute. Only what pages read is written; the requests behind it are not.
 */
import type { Instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";

export const SEEDED_DAYS = 31;
const MACHINES = 8;
const TIERS = 3;
const MODELS = 5;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const CELLS = SEEDED_DAYS * 1_440 * MACHINES * 2;

/** Writes roll-ups worth `requests` requests, the last of them of the minute before `now`. */
export async function seedRollups(sql: Sql, now: Instant, requests: number): Promise<void> {
  const to = Math.floor(now / MINUTE_MS) * MINUTE_MS;
  const from = to - SEEDED_DAYS * DAY_MS;
  await seedFleet(sql, new Date(from));
  await sql`select setseed(0.5)`;
  for (let day = from; day < to; day += DAY_MS) {
    await seedDay(sql, new Date(day), new Date(day + DAY_MS), requests / CELLS);
  }
  await sql`update rollups set rolled_to = ${new Date(to)}, rechecked_at = ${new Date(now)}`;
  for (
    const table of [
      ...["usage_minutes", "usage_spans", "machine_minutes", "machine_spans", "spend"],
      ...["spend_spans", "billing_snapshots", "billing_hours", "operations", "wakes"],
    ]
  ) {
    await sql.unsafe(`vacuum analyze ${table}`);
  }
}

async function seedFleet(sql: Sql, from: Date): Promise<void> {
  await sql`
    insert into machines (id, tier, slot, provider, place)
    select 'mac_' || nr, 'tier-' || nr % ${TIERS}, nr, 'billed', 'asleep'
    from generate_series(0, ${MACHINES - 1}::integer) as nr`;
  const lineup = Array.from({ length: TIERS }, (_, nr) => ({ name: `tier-${nr}`, watts: 700 }));
  await sql`
    insert into lineups (id, sha256, document, in_force_from)
    values ('lin_seeded', 'seeded', ${sql.json(lineup)}, ${from})`;
}

/** A machine sleeps a part of the night, wakes, and serves; a minute's requests scatter about what is due. */
async function seedDay(sql: Sql, from: Date, to: Date, perCell: number): Promise<void> {
  await sql`
    insert into usage_minutes (
      minute, tier, machine_id, model, requests, refused, waited, timed_out, prompt_tokens, completion_tokens,
      cached_tokens, recorded_at
    )
    select
      minute, 'tier-' || nr % ${TIERS}, 'mac_' || nr, 'model-' || (nr + model) % ${MODELS},
      requests, 0, requests / 100, requests / 10000, requests * 900, requests * 250, 0, minute
    from generate_series(${from}::timestamptz, ${to}::timestamptz - interval '1 minute', interval '1 minute') as minute
    cross join generate_series(0, ${MACHINES - 1}::integer) as nr
    cross join generate_series(0, 1) as model
    cross join lateral (
      select floor(
        ${perCell}::float8 * (1 + 0.6 * sin(extract(hour from minute) / 4)) + random()
      )::bigint as requests
    ) as due
    where requests > 0
    order by minute`;
  await sql`
    insert into machine_minutes (minute, tier, machine_id, powered_us, busy_us, idle_us, recorded_at)
    select
      minute, 'tier-' || nr % ${TIERS}, 'mac_' || nr, 60000000, 40000000, 20000000, minute
    from generate_series(${from}::timestamptz, ${to}::timestamptz - interval '1 minute', interval '1 minute') as minute
    cross join generate_series(0, ${MACHINES - 1}::integer) as nr
    where extract(hour from minute) >= nr % 6
    order by minute`;
  await sql`
    insert into billing_snapshots (provider, minute, outcome, raw, replica_id)
    select 'billed', minute, 'read', '{}', 'rep_seeded'
    from generate_series(${from}::timestamptz, ${to}::timestamptz - interval '1 minute', interval '1 minute') as minute`;
  // A machine and its disk; the money of each minute beside its reading.
  await sql`
    with read as (
      insert into billing_readings (
        provider, minute, resource_id, resource_created_at, kind, name, machine_id, tier,
        rate_nano_usd_per_minute, total_nano_usd, active
      )
      select
        'billed', minute, kind || nr, '-infinity', kind, kind || nr, 'mac_' || nr, 'tier-' || nr % ${TIERS}, 0,
        extract(epoch from minute) * 1000, true
      from generate_series(${from}::timestamptz, ${to}::timestamptz - interval '1 minute', interval '1 minute') as minute
      cross join generate_series(0, ${MACHINES - 1}::integer) as nr
      cross join (values ('machine'), ('volume')) as kinds (kind)
    )
    insert into spend (provider, minute, resource_id, resource_created_at, machine_id, tier, use, nano_usd)
    select
      'billed', minute, kind || nr, '-infinity', 'mac_' || nr, 'tier-' || nr % ${TIERS},
      case
        when kind = 'volume' or extract(hour from minute) < nr % 6 then 'storage'
        when extract(hour from minute) = nr % 6 and extract(minute from minute) < 6 then 'warm_up'
        when extract(minute from minute)::integer % 3 = 0 then 'idle'
        else 'serving'
      end,
      case when kind = 'volume' then 300000 else 32000000 end
    from generate_series(${from}::timestamptz, ${to}::timestamptz - interval '1 minute', interval '1 minute') as minute
    cross join generate_series(0, ${MACHINES - 1}::integer) as nr
    cross join (values ('machine'), ('volume')) as kinds (kind)
    order by minute`;
  await sql`
    insert into operations (id, at, kind, machine_id, tier, generation, from_place, to_place, because)
    select
      'opr_' || nr || '_' || extract(epoch from hour)::bigint, hour, 'move', 'mac_' || nr, 'tier-' || nr % ${TIERS},
      extract(epoch from hour)::bigint / 3600, 'x', 'ready', 'seeded'
    from generate_series(${from}::timestamptz, ${to}::timestamptz - interval '1 minute', interval '1 hour') as hour
    cross join generate_series(0, ${MACHINES - 1}::integer) as nr`;
  await sql`
    insert into wakes (
      id, tier, machine_id, asked_at, deadline, from_place, power_asked_at, power_on_at, address_at, port_open_at,
      healthy_at, first_token_at, ended_at, outcome
    )
    select
      'wak_' || nr || '_' || extract(epoch from hour)::bigint, 'tier-' || nr % ${TIERS}, 'mac_' || nr, hour,
      hour + interval '10 minutes', 'asleep', hour + interval '1 second', hour + interval '1 minute' * (1 + random()),
      hour + interval '2 minutes', hour + interval '150 seconds', hour + interval '1 minute' * (4 + random()),
      hour + interval '301 seconds', hour + interval '5 minutes', 'served'
    from generate_series(${from}::timestamptz, ${to}::timestamptz - interval '1 minute', interval '4 hours') as hour
    cross join generate_series(0, ${MACHINES - 1}::integer) as nr`;
}
