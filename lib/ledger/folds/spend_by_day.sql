-- What the providers billed on each UTC day and what it was for, in US dollars, from the first day that was watched.
-- `unknown` is money billed across a gap, or for a machine nobody knows.
-- `edge_unknown`: bills are missing where the day (or the window) begins or ends, so some of the day's money may be
-- another day's, or another day's this one's.
-- $1, $2: the window, from and to, whole minutes.
with days as (
  select day, greatest(day, $1::timestamptz) as since, least(day + interval '24 hours', $2::timestamptz) as until
  from generate_series(
    date_bin('24 hours', $1::timestamptz, 'epoch'), $2::timestamptz - interval '1 microsecond', interval '24 hours'
  ) as day
), watched as (
  select
    day,
    bool_or(
      bill_is_missing_at(provider, days.since) or bill_is_missing_at(provider, days.until)
    ) as edge_unknown
  from days
  join billing_since on billing_since.since < days.until
  group by day
), money as (
  select date_bin('24 hours', at, 'epoch') as day, use, sum(nano_usd) as nano_usd
  from spend_in($1::timestamptz, $2::timestamptz)
  group by 1, use
)
select
  to_char(watched.day at time zone 'UTC', 'YYYY-MM-DD') as day,
  (coalesce(sum(nano_usd) filter (where use = 'serving'), 0) / 1e9)::text as serving_usd,
  (coalesce(sum(nano_usd) filter (where use = 'idle'), 0) / 1e9)::text as idle_usd,
  (coalesce(sum(nano_usd) filter (where use = 'warm_up'), 0) / 1e9)::text as warm_up_usd,
  (coalesce(sum(nano_usd) filter (where use = 'storage'), 0) / 1e9)::text as storage_usd,
  (coalesce(sum(nano_usd) filter (where use = 'unknown'), 0) / 1e9)::text as unknown_usd,
  (coalesce(sum(nano_usd), 0) / 1e9)::text as usd,
  edge_unknown
from watched
left join money on money.day = watched.day
group by watched.day, edge_unknown
order by watched.day
