-- The fold of this name over the minutes themselves.
select
  coalesce(tier, '') as tier,
  (coalesce(sum(nano_usd) filter (where use = 'serving'), 0) / 1e9)::text as serving_usd,
  (coalesce(sum(nano_usd) filter (where use = 'idle'), 0) / 1e9)::text as idle_usd,
  (coalesce(sum(nano_usd) filter (where use = 'warm_up'), 0) / 1e9)::text as warm_up_usd,
  (coalesce(sum(nano_usd) filter (where use = 'storage'), 0) / 1e9)::text as storage_usd,
  (coalesce(sum(nano_usd) filter (where use = 'unknown'), 0) / 1e9)::text as unknown_usd,
  (sum(nano_usd) / 1e9)::text as usd
from spend
where minute >= $1::timestamptz and minute < $2::timestamptz and machine_id is not null
group by tier
order by tier
