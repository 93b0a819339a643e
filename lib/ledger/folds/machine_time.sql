-- Machine time by tier, in seconds, from the journal and the usage rows.
--   powered: from the engine's loading until the machine is off again; what a provider bills in full.
--   busy:    of it, while at least one request ran on the machine.
--   idle:    of it, while the machine could serve or was being drained and no request ran.
-- The rest is loading and stopping. Machines that are always on (provider static) have no moves and are not in it.
-- $1, $2: the window, from and to, whole minutes.
select
  tier,
  (sum(powered_us) / 1e6)::float8 as powered_s,
  (sum(busy_us) / 1e6)::float8 as busy_s,
  (sum(idle_us) / 1e6)::float8 as idle_s
from machine_time_in($1::timestamptz, $2::timestamptz)
group by tier
having sum(powered_us) > 0
order by tier
