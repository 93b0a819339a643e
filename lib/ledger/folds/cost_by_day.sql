-- Realised cost per million tokens by UTC day, for the tiers whose providers send bills, in US dollars: the money billed
-- on a day over the tokens of the requests that ended on it, from the first day that was watched.
-- `edge_unknown`: bills are missing where the day (or the window) begins or ends; then, and where no token was served,
-- the figure is null.
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
  select date_bin('24 hours', at, 'epoch') as day, sum(nano_usd) / 1e9 as usd
  from spend_in($1::timestamptz, $2::timestamptz) as billed
  where exists (select from machines where machines.tier = billed.tier and machines.provider = billed.provider)
  group by 1
), by_tier as (
  select
    billing_since.provider, used.tier, date_bin('24 hours', at, 'epoch') as day,
    sum(prompt_tokens + completion_tokens) as tokens
  from billing_since
  cross join lateral usage_in(greatest($1::timestamptz, billing_since.since), $2::timestamptz) as used
  group by billing_since.provider, used.tier, 3
), used as (
  select day, sum(tokens) as all_tokens
  from by_tier
  where exists (select from machines where machines.tier = by_tier.tier and machines.provider = by_tier.provider)
  group by day
)
select
  to_char(watched.day at time zone 'UTC', 'YYYY-MM-DD') as day,
  coalesce(usd, 0)::text as usd,
  coalesce(all_tokens, 0)::bigint as tokens,
  edge_unknown,
  case when not edge_unknown then round(coalesce(usd, 0) / nullif(all_tokens, 0) * 1e6, 6) end::text as usd_per_mtok
from watched
left join money on money.day = watched.day
left join used on used.day = watched.day
order by watched.day
