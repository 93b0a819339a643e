-- What the providers billed in the window, by tier and by what it was for, in US dollars; resources that belong to no
-- tier have none. `unknown` is money billed across a gap, or for a machine nobody knows. Accounts may hold machines
-- of others: only resources that carry this deployment's name are counted.
-- $1, $2: the window, from and to, whole minutes. Money belongs to the minute of the snapshot that shows it.
select
  tier,
  (coalesce(sum(nano_usd) filter (where use = 'serving'), 0) / 1e9)::text as serving_usd,
  (coalesce(sum(nano_usd) filter (where use = 'idle'), 0) / 1e9)::text as idle_usd,
  (coalesce(sum(nano_usd) filter (where use = 'warm_up'), 0) / 1e9)::text as warm_up_usd,
  (coalesce(sum(nano_usd) filter (where use = 'storage'), 0) / 1e9)::text as storage_usd,
  (coalesce(sum(nano_usd) filter (where use = 'unknown'), 0) / 1e9)::text as unknown_usd,
  (sum(nano_usd) / 1e9)::text as usd
from spend_in($1::timestamptz, $2::timestamptz)
group by tier
order by tier
