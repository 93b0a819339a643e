-- Minutes of the window for which a provider's bill was not read, since it was first read. What was billed meanwhile
-- is in the next snapshot's money, under `unknown`; at an edge of the window it may be on the other side.
-- $1, $2: the window, from and to, whole minutes.
select
  billing_since.provider,
  greatest(0, extract(epoch from
    $2::timestamptz - greatest($1::timestamptz, since)) / 60)::integer as minutes,
  greatest(0, extract(epoch from
    $2::timestamptz - greatest($1::timestamptz, since)) / 60
    - count(snapshots.minute))::integer as missing
from billing_since
left join billing_snapshots snapshots
  on snapshots.provider = billing_since.provider and snapshots.outcome = 'read'
  and snapshots.minute >= $1::timestamptz and snapshots.minute < $2::timestamptz
group by billing_since.provider, since
order by billing_since.provider
