-- Tokens by tier and model over the usage rows themselves, from when the tier's provider was first watched.
select usage.tier, model, sum(prompt_tokens + completion_tokens)::bigint as tokens,
  sum(completion_tokens)::bigint as output
from usage
join (select distinct tier, provider from machines) as tiers on tiers.tier = usage.tier
join (
  select provider, min(minute) as since from billing_snapshots where outcome = 'read' group by provider
) as watched on watched.provider = tiers.provider
where closed_at >= greatest($1::timestamptz, since) and closed_at < $2::timestamptz
group by usage.tier, model
having sum(prompt_tokens + completion_tokens) > 0
order by usage.tier, model
