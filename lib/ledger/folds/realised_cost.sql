-- Realised cost per million tokens, by tier and for the fleet (tier ''), in US dollars: all the money billed in the
-- window over all the tokens of requests that ended in it. Idle time, cold starts and disks are in the money. Tokens count
-- from when the tier's provider was first watched.
-- `edge_unknown`: bills are missing where the window begins or ends, so some money of the one side may be on the other;
-- then, and where there was money and no token, the figures are null.
-- $1, $2: the window, from and to, whole minutes.
with watched as (
  select
    provider, since,
    bill_is_missing_at(provider, $1::timestamptz) or bill_is_missing_at(provider, $2::timestamptz) as edge_unknown
  from billing_since
  where since < $2::timestamptz
), tiers as (
  select distinct machines.tier, watched.provider, since, edge_unknown
  from machines join watched on watched.provider = machines.provider
), money as (
  select tier, provider, sum(nano_usd) / 1e9 as usd
  from spend_in($1::timestamptz, $2::timestamptz)
  group by tier, provider
), used as (
  select
    watched.provider, used.tier, sum(prompt_tokens + completion_tokens) as all_tokens,
    sum(completion_tokens) as output_tokens
  from watched
  cross join lateral usage_in(greatest($1::timestamptz, watched.since), $2::timestamptz) as used
  group by watched.provider, used.tier
), by_tier as (
  select tiers.tier, usd, all_tokens, output_tokens, edge_unknown
  from tiers
  left join money on money.tier = tiers.tier and money.provider = tiers.provider
  left join used on used.tier = tiers.tier and used.provider = tiers.provider
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
