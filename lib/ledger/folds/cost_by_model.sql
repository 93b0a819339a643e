-- Realised cost per million tokens by model, in US dollars. A machine's bill does not say which model it was for, so
-- a tier's money is shared among the models it served in the window by their part of the tier's tokens, a token read
-- counting as much as one written: idle time and cold starts are shared in the same way. A model on several tiers has the sum.
-- Money of a tier that served no token belongs to no model and is under ''.
-- `edge_unknown`: bills of one of its tiers are missing where the window begins or ends; then the figure is null.
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
    watched.provider, used.tier, used.model, sum(prompt_tokens + completion_tokens) as tokens,
    sum(completion_tokens) as output_tokens
  from watched
  cross join lateral usage_in(greatest($1::timestamptz, watched.since), $2::timestamptz) as used
  group by watched.provider, used.tier, used.model
  having sum(prompt_tokens + completion_tokens) > 0
), shared as (
  select
    coalesce(used.model, '') as model,
    coalesce(tokens, 0) as tokens,
    coalesce(output_tokens, 0) as output_tokens,
    coalesce(
      coalesce(usd, 0) * tokens / sum(tokens) over (partition by tiers.tier, tiers.provider), coalesce(usd, 0)
    ) as usd,
    edge_unknown
  from tiers
  left join money on money.tier = tiers.tier and money.provider = tiers.provider
  left join used on used.tier = tiers.tier and used.provider = tiers.provider
)
select
  model,
  round(sum(usd), 9)::text as usd,
  sum(tokens)::bigint as tokens,
  bool_or(edge_unknown) as edge_unknown,
  case when not bool_or(edge_unknown) then round(sum(usd) / nullif(sum(tokens), 0) * 1e6, 6) end::text
    as usd_per_mtok,
  case when not bool_or(edge_unknown) then round(sum(usd) / nullif(sum(output_tokens), 0) * 1e6, 6) end::text
    as usd_per_mtok_output
from shared
group by model
having model <> '' or sum(usd) <> 0
order by model
