-- Minutes of the window for which a provider's bill was not read, since it was first read. What was billed meanwhile
-- is in the next snapshot's money, under `unknown`; at an edge of the window it may be on the other side.
-- $1, $2: the window, from and to.
with watched as (
  select provider, min(minute) as since from billing_snapshots where outcome = 'read' group by provider
)
select
  watched.provider,
  greatest(0, extract(epoch from
    $2::timestamptz - greatest($1::timestamptz, watched.since)) / 60)::integer as minutes,
  greatest(0, extract(epoch from
    $2::timestamptz - greatest($1::timestamptz, watched.since)) / 60
    - count(snapshots.minute))::integer as missing
from watched
left join billing_snapshots snapshots
  on snapshots.provider = watched.provider and snapshots.outcome = 'read'
  and snapshots.minute >= $1::timestamptz and snapshots.minute < $2::timestamptz
group by watched.provider, watched.since
order by watched.provider
