-- What share of machine time served, by tier and for the fleet (tier ''), between 0 and 1.
--   utilisation: busy over powered, where busy is while at least one request ran.
--   idle_share:  of powered, while the machine could serve and no request ran. The rest is loading and stopping.
-- A tier that was never powered has no row: it has no share, and not 0.
-- $1, $2: the window, from and to, whole minutes.
with by_tier as (
  select tier, sum(powered_us) as powered_us, sum(busy_us) as busy_us, sum(idle_us) as idle_us
  from machine_time_in($1::timestamptz, $2::timestamptz)
  group by tier
), with_fleet as (
  select tier, powered_us, busy_us, idle_us from by_tier
  union all
  select '', sum(powered_us), sum(busy_us), sum(idle_us) from by_tier
)
select
  tier,
  round(powered_us / 3.6e9, 6)::text as powered_h,
  round(busy_us / powered_us, 6)::text as utilisation,
  round(idle_us / powered_us, 6)::text as idle_share
from with_fleet
where powered_us > 0
order by tier
