-- Machine time by tier, in seconds, from the journal and the usage rows.
--   powered: from the engine's loading until the machine is off again; what a provider bills in full.
--   busy:    of it, while at least one request ran on the machine.
--   idle:    of it, while the machine could serve or was being drained and no request ran.
-- Utilisation is busy over powered; the idle share is idle over powered. The rest is loading and stopping.
-- Machines that are always on (provider static) have no moves and are not in it.
-- $1, $2: the window, from and to.
with moves as (
  select
    tier, machine_id, to_place, at,
    lead(at, 1, $2::timestamptz) over (partition by machine_id order by seq) as until
  from operations
  where kind = 'move' and at < $2::timestamptz
), stays as (
  select
    tier, machine_id, to_place,
    tstzrange(greatest(at, $1::timestamptz), least(until, $2::timestamptz)) as span
  from moves
  where to_place in ('loading', 'ready', 'draining', 'napping', 'stopping')
    and until > $1::timestamptz and until > at
), requests as (
  select
    machine_id,
    range_agg(tstzrange(opened_at, greatest(opened_at, coalesce(closed_at, $2::timestamptz)))) as spans
  from usage
  where machine_id is not null
    and opened_at >= $1::timestamptz - interval '2 hours' and opened_at < $2::timestamptz
  group by machine_id
), timed as (
  select
    stays.tier,
    stays.to_place,
    extract(epoch from upper(stays.span) - lower(stays.span)) as stay_s,
    coalesce((
      select sum(extract(epoch from upper(part) - lower(part)))
      from unnest(tstzmultirange(stays.span) * requests.spans) as part
    ), 0) as busy_s
  from stays
  left join requests on requests.machine_id = stays.machine_id
)
select
  tier,
  sum(stay_s)::float8 as powered_s,
  sum(busy_s)::float8 as busy_s,
  coalesce(sum(stay_s - busy_s) filter (where to_place in ('ready', 'draining', 'napping')), 0)::float8 as idle_s
from timed
group by tier
order by tier
