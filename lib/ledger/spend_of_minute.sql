-- What a snapshot's minutes cost, resource by resource, and what for. Run once, right after its readings and what its
-- machines did (billed_machines) are written; it reads nothing else, so it can be run again on published rows.
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
    $2::timestamptz - last_look.minute > interval '1 minute' as across_gap
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
  $1, $2::timestamptz, resource_id, resource_created_at, priced.machine_id, tier,
  case
    when across_gap then 'unknown'
    when kind <> 'machine' then 'storage'
    when did.place is null then 'unknown'
    when did.place in ('ready', 'draining', 'napping') and did.busy then 'serving'
    when did.place in ('ready', 'draining', 'napping') then 'idle'
    when did.place in ('creating', 'waking', 'loading') then 'warm_up'
    else 'storage'
  end,
  nano_usd
from priced
left join billed_machines did
  on did.provider = $1 and did.minute = $2::timestamptz and did.machine_id = priced.machine_id
where nano_usd <> 0
