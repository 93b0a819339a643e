-- Tokens and requests by the UTC day on which the request ended; days without any are left out.
-- $1, $2: the window, from and to, whole minutes.
select
  to_char(at at time zone 'UTC', 'YYYY-MM-DD') as day,
  sum(requests)::integer as requests,
  sum(prompt_tokens)::bigint as prompt_tokens,
  sum(completion_tokens)::bigint as completion_tokens
from usage_in($1::timestamptz, $2::timestamptz)
group by 1
having sum(requests) > 0
order by 1
