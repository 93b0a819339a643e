-- What each machine of a snapshot did in the minutes it pays for. Run once, right after its readings are written and
-- before the money is told apart: moves and usage rows that are written later change nothing of it.
-- $1, $2: the provider and the minute of a snapshot that was read.
with last_look as (
  select max(minute) as minute
  from billing_snapshots where provider = $1 and outcome = 'read' and minute < $2::timestamptz
), billed as (
  select distinct machine_id from billing_readings
  where provider = $1 and minute = $2::timestamptz and kind = 'machine' and machine_id is not null
)
insert into billed_machines (provider, minute, machine_id, place, busy)
select
  $1, $2::timestamptz, billed.machine_id,
  (
    select to_place from operations
    where kind = 'move' and machine_id = billed.machine_id and at < $2::timestamptz
    order by seq desc
    limit 1
  ),
  exists (
    select from usage
    where usage.machine_id = billed.machine_id and usage.opened_at < $2::timestamptz
      and usage.opened_at >= last_look.minute - interval '2 hours'
      and (usage.closed_at is null or usage.closed_at > last_look.minute)
  )
from billed
cross join last_look
