-- How long each phase of a served wake took, in seconds, counted from the end of the phase before it that was seen: the
-- restore asked for, power, an address, an open port, a healthy engine, the first token. A phase that a provider has no
-- word for was never seen; its time is in the next one. `p50_s` and `p95_s` of different phases are of different wakes:
-- they do not add up. Clocks of two replicas differ, so a phase may seem to end before it began; it counts as 0.
-- $1, $2: the window, from and to: when the wake was asked for.
with seen as (
  select
    wakes.id, step.phase, step.nr,
    greatest(0, extract(epoch from step.at - lag(step.at) over (partition by wakes.id order by step.nr)))::float8 as took_s
  from wakes
  cross join lateral (values
    ('asked', 0, asked_at), ('power asked', 1, power_asked_at), ('power on', 2, power_on_at),
    ('address known', 3, address_at), ('port open', 4, port_open_at), ('engine healthy', 5, healthy_at),
    ('first token', 6, first_token_at)
  ) as step (phase, nr, at)
  where asked_at >= $1::timestamptz and asked_at < $2::timestamptz and outcome = 'served' and step.at is not null
)
select
  phase,
  count(*)::integer as wakes,
  percentile_cont(0.5) within group (order by took_s) as p50_s,
  percentile_cont(0.95) within group (order by took_s) as p95_s
from seen
where nr > 0
group by phase, nr
order by nr
