-- Rolls the minutes of a span up: appends what each machine did in each minute, less what was appended for it before.
--   powered: from the engine's loading until the machine is off again; what a provider bills in full.
--   busy:    of it, while at least one request ran on the machine.
--   idle:    of it, while the machine could serve or was being drained and no request ran.
-- A machine is where the journal's last move of those made by then put it. A request runs from its opening until it is
-- closed, six hours at most: what is open for longer was forgotten, not served. (So rows that were closed more than six
-- hours after the span need not be looked at, and the index on closed_at bounds what is read.)
-- $1, $2: the span, from and to, whole minutes; $3: now.
with moves as (
  select
    tier, machine_id, to_place, at,
    coalesce(
      min(at) over (partition by machine_id order by seq rows between 1 following and unbounded following), 'infinity'
    ) as until
  from (
    select before.tier, machines.id as machine_id, before.to_place, before.at, before.seq
    from machines
    cross join lateral (
      select tier, to_place, at, seq from operations
      where kind = 'move' and machine_id = machines.id and at < $1::timestamptz
      order by seq desc
      limit 1
    ) before
    union all
    select tier, machine_id, to_place, at, seq from operations
    where kind = 'move' and at >= $1::timestamptz and at < $2::timestamptz
  ) as made
), stays as (
  select
    coalesce(tier, '') as tier, machine_id, to_place, greatest(at, $1::timestamptz) as since,
    least(until, $2::timestamptz) as until
  from moves
  where to_place in ('loading', 'ready', 'draining', 'napping', 'stopping') and until > $1::timestamptz and until > at
), running as (
  select
    machine_id,
    range_agg(tstzrange(
      opened_at, greatest(opened_at, least(coalesce(closed_at, 'infinity'), opened_at + interval '6 hours'))
    )) as spans
  from (
    select machine_id, opened_at, closed_at from usage
    where closed_at > $1::timestamptz and closed_at < $2::timestamptz + interval '6 hours'
      and opened_at > $1::timestamptz - interval '6 hours' and opened_at < $2::timestamptz
    union all
    select machine_id, opened_at, closed_at from usage
    where closed_at is null
      and opened_at > $1::timestamptz - interval '6 hours' and opened_at < $2::timestamptz
  ) as open_in
  where machine_id is not null
  group by machine_id
), timed as (
  select
    stays.tier, stays.machine_id, stays.to_place, minute,
    extract(epoch from upper(span) - lower(span)) as stay_s,
    coalesce((
      select sum(extract(epoch from upper(part) - lower(part)))
      from unnest(tstzmultirange(span) * running.spans) as part
    ), 0) as busy_s
  from stays
  cross join lateral generate_series(
    date_trunc('minute', stays.since), stays.until - interval '1 microsecond', interval '1 minute'
  ) as minute
  cross join lateral (
    select tstzrange(greatest(stays.since, minute), least(stays.until, minute + interval '1 minute')) as span
  ) as clipped
  left join running on running.machine_id = stays.machine_id
)
insert into machine_minutes (minute, tier, machine_id, powered_us, busy_us, idle_us, recorded_at)
select minute, tier, machine_id, sum(powered_us), sum(busy_us), sum(idle_us), $3::timestamptz
from (
  select
    minute, tier, machine_id,
    stay_s * 1000000 as powered_us,
    busy_s * 1000000 as busy_us,
    case when to_place in ('ready', 'draining', 'napping') then (stay_s - busy_s) * 1000000 else 0 end as idle_us
  from timed
  union all
  select minute, tier, machine_id, -powered_us, -busy_us, -idle_us
  from machine_minutes
  where minute >= $1::timestamptz and minute < $2::timestamptz
) as found
group by minute, tier, machine_id
having (sum(powered_us), sum(busy_us), sum(idle_us)) <> (0, 0, 0)
order by minute, tier, machine_id
