-- Wakes asked for in the window, and how long the served ones took from the ask to a healthy engine, in seconds.
-- $1, $2: the window, from and to.
select
  count(*) filter (where outcome = 'served')::integer as served,
  count(*) filter (where outcome in ('failed', 'expired'))::integer as not_served,
  percentile_cont(0.5) within group (order by extract(epoch from healthy_at - asked_at))
    filter (where outcome = 'served')::float8 as p50_s,
  percentile_cont(0.95) within group (order by extract(epoch from healthy_at - asked_at))
    filter (where outcome = 'served')::float8 as p95_s
from wakes
where asked_at >= $1::timestamptz and asked_at < $2::timestamptz and ended_at is not null
