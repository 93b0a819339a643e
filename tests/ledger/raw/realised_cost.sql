-- The fold of this name over spend and the usage rows themselves.
with watched as (
  select
    provider,
    min(minute) as since,
    coalesce(max(minute) filter (where minute < $1::timestamptz) < $1::timestamptz - interval '1 minute', false)
      or coalesce(max(minute) filter (where minute < $2::timestamptz) < $2::timestamptz - interval '1 minute', true)
      as edge_unknown
  from billing_snapshots
  where outcome = 'read' and minute < $2::timestamptz
  group by provider
), tiers as (
  select distinct machines.tier, watched.provider, since, edge_unknown
  from machines join watched on watched.provider = machines.provider
), money as (
  select tier, provider, sum(nano_usd) / 1e9 as usd
  from spend
  where minute >= $1::timestamptz and minute < $2::timestamptz and machine_id is not null
  group by tier, provider
), tokens as (
  select
    usage.tier,
    tiers.provider,
    sum(prompt_tokens + completion_tokens)::numeric as all_tokens,
    sum(completion_tokens)::numeric as output_tokens
  from usage
  join tiers on tiers.tier = usage.tier
  where closed_at >= greatest($1::timestamptz, since) and closed_at < $2::timestamptz
  group by usage.tier, tiers.provider
), by_tier as (
  select tiers.tier, usd, all_tokens, output_tokens, edge_unknown
  from tiers
  left join money on money.tier = tiers.tier and money.provider = tiers.provider
  left join tokens on tokens.tier = tiers.tier and tokens.provider = tiers.provider
), with_fleet as (
  select tier, usd, all_tokens, output_tokens, edge_unknown from by_tier
  union all
  select '', sum(usd), sum(all_tokens), sum(output_tokens), bool_or(edge_unknown)
  from by_tier having count(*) > 0
)
select
  tier,
  usd::text as usd,
  coalesce(all_tokens, 0)::bigint as tokens,
  edge_unknown,
  case when not edge_unknown then round(usd / nullif(all_tokens, 0) * 1e6, 6) end::text as usd_per_mtok,
  case when not edge_unknown then round(usd / nullif(output_tokens, 0) * 1e6, 6) end::text
    as usd_per_mtok_output
from with_fleet
order by tier
