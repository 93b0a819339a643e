-- How long each phase of a served wake took, in seconds, counted from the end of the phase before it that was seen: the
-- restore asked for, power, an address, an open port, a healthy engine, the first token. A phase that a provider has no
-- word for was never seen; its time is in the next one. `p50_s` and `p95_s` of different phases are of different wakes:
-- they do not add up. Clocks of two replicas differ, so a phase may seem to end before it began; it counts as 0.
-- $1, $2: the window, from and to: when the wake was asked for.
with steps as (
  select nr, greatest(0, date_part('epoch', at - before)) as took_s
  from wakes
  cross join lateral (values
    (1, power_asked_at, asked_at),
    (2, power_on_at, coalesce(power_asked_at, asked_at)),
    (3, address_at, coalesce(power_on_at, power_asked_at, asked_at)),
    (4, port_open_at, coalesce(address_at, power_on_at, power_asked_at, asked_at)),
    (5, healthy_at, coalesce(port_open_at, address_at, power_on_at, power_asked_at, asked_at)),
    (6, first_token_at, coalesce(healthy_at, port_open_at, address_at, power_on_at, power_asked_at, asked_at))
  ) as step (nr, at, before)
  where asked_at >= $1::timestamptz and asked_at < $2::timestamptz and outcome = 'served' and at is not null
), shares as (
  select nr, count(*)::integer as wakes, percentile_cont(array[0.5, 0.95]) within group (order by took_s) as took_s
  from steps
  group by nr
)
select
  (array['power asked', 'power on', 'address known', 'port open', 'engine healthy', 'first token'])[nr] as phase,
  wakes,
  took_s[1] as p50_s,
  took_s[2] as p95_s
from shares
order by nr
