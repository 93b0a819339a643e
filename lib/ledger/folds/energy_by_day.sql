-- Energy by UTC day and tier. It is reckoned, not metered: the hours in which machines were powered, by the journal,
-- times the watts that the newest lineup of the window declares for one machine of the tier with all its GPUs
-- (`watts` in fleet.yaml). Not declared: null. The energy is for every token, in and out, of the requests that ended that
-- day. Machines that are always on (provider static) have no moves and are not in it.
-- $1, $2: the window, from and to, whole minutes.
with declared as (
  select distinct on (spec ->> 'name') spec ->> 'name' as tier, (spec ->> 'watts')::numeric as watts
  from lineups
  cross join lateral jsonb_array_elements(document) as spec
  where in_force_from < $2::timestamptz
  order by spec ->> 'name', in_force_from desc, lineups.id desc
), powered as (
  select date_bin('24 hours', at, 'epoch') as day, tier, sum(powered_us) / 3.6e9 as hours
  from machine_time_in($1::timestamptz, $2::timestamptz)
  group by 1, tier
), used as (
  select date_bin('24 hours', at, 'epoch') as day, tier, sum(prompt_tokens + completion_tokens) as tokens
  from usage_in($1::timestamptz, $2::timestamptz)
  group by 1, tier
)
select
  to_char(powered.day at time zone 'UTC', 'YYYY-MM-DD') as day,
  powered.tier,
  round(hours, 6)::text as powered_h,
  watts::float8 as watts,
  round(hours * watts / 1000, 6)::text as kwh,
  coalesce(tokens, 0)::bigint as tokens,
  round(hours * watts / nullif(tokens, 0) * 1e6, 3)::text as wh_per_mtok
from powered
left join declared on declared.tier = powered.tier
left join used on used.day = powered.day and used.tier = powered.tier
where hours > 0
order by powered.day, powered.tier
