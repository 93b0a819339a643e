-- Minutes of the window for which a provider's bill was not read, since it was first read. What was billed meanwhile
-- is in the next snapshot's money, under `unknown`; at an edge of the window it may be on the other side.
-- $1, $2: the window, from and to, whole minutes.
with watched as (
  select
    provider,
    greatest(0, extract(epoch from $2::timestamptz - greatest($1::timestamptz, since)) / 60)::integer as minutes
  from billing_since
), read as (
  select provider, sum(minutes)::integer as minutes from bills_read_in($1::timestamptz, $2::timestamptz) group by provider
)
select watched.provider, watched.minutes, watched.minutes - coalesce(read.minutes, 0) as missing
from watched
left join read on read.provider = watched.provider
order by watched.provider
