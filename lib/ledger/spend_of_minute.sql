-- What a snapshot's minutes cost, resource by resource, and what for. Run once, right after its readings are written.
-- $1, $2: the provider and the minute of a snapshot that was read.
--
-- A resource costs its total now less its last total. One that was not seen before costs its whole total, unless it was
-- created more than an hour before we first looked at this provider (clocks differ, and lists lag): that is a baseline
-- and costs nothing here. So is everything at the first look.
-- More than a minute since the last snapshot is a gap: the money counts, what it was for is unknown.
with first_look as (
  select min(minute) as minute from billing_snapshots where provider = $1 and outcome = 'read'
), last_look as (
  select max(minute) as minute
  from billing_snapshots where provider = $1 and outcome = 'read' and minute < $2::timestamptz
), priced as (
  select
    now_read.resource_id,
    now_read.resource_created_at,
    now_read.kind,
    now_read.machine_id,
    now_read.tier,
    case
      when before.total_nano_usd is not null then now_read.total_nano_usd - before.total_nano_usd
      when last_look.minute is null then 0
      when isfinite(now_read.resource_created_at)
        and now_read.resource_created_at < first_look.minute - interval '1 hour' then 0
      else now_read.total_nano_usd
    end as nano_usd,
    $2::timestamptz - last_look.minute > interval '1 minute' as across_gap,
    tstzrange(last_look.minute, $2::timestamptz) as span
  from billing_readings now_read
  cross join first_look
  cross join last_look
  left join lateral (
    select total_nano_usd from billing_readings
    where provider = $1 and resource_id = now_read.resource_id
      and resource_created_at = now_read.resource_created_at and minute < $2::timestamptz
    order by minute desc
    limit 1
  ) before on true
  where now_read.provider = $1 and now_read.minute = $2::timestamptz
)
insert into spend (
  provider, minute, resource_id, resource_created_at, machine_id, tier, use, nano_usd
)
select
  $1, $2::timestamptz, resource_id, resource_created_at, machine_id, tier,
  case
    when across_gap then 'unknown'
    when kind <> 'machine' then 'storage'
    when place.at_end is null then 'unknown'
    when place.at_end in ('ready', 'draining', 'napping') and exists (
      select from usage
      where usage.machine_id = priced.machine_id and usage.opened_at < upper(priced.span)
        and usage.opened_at >= lower(priced.span) - interval '2 hours'
        and (usage.closed_at is null or usage.closed_at > lower(priced.span))
    ) then 'serving'
    when place.at_end in ('ready', 'draining', 'napping') then 'idle'
    when place.at_end in ('creating', 'waking', 'loading') then 'warm_up'
    else 'storage'
  end,
  nano_usd
from priced
left join lateral (
  select to_place as at_end from operations
  where kind = 'move' and machine_id = priced.machine_id and at < $2::timestamptz
  order by seq desc
  limit 1
) place on true
where nano_usd <> 0
