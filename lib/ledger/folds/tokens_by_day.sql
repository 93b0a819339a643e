-- Tokens and requests by the UTC day on which the request ended; days without any are left out.
-- $1, $2: the window, from and to, whole minutes.
with days as (
  select
    date_bin('24 hours', at, 'epoch') as day, sum(requests) as requests, sum(prompt_tokens) as prompt_tokens,
    sum(completion_tokens) as completion_tokens
  from usage_in($1::timestamptz, $2::timestamptz)
  group by 1
)
select
  to_char(day at time zone 'UTC', 'YYYY-MM-DD') as day,
  requests::integer as requests,
  prompt_tokens::bigint as prompt_tokens,
  completion_tokens::bigint as completion_tokens
from days
where requests > 0
order by day
