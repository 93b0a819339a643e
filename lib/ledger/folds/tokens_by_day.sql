-- Tokens and requests by the UTC day on which the request ended; days without any are left out.
-- $1, $2: the window, from and to. A request ends within two hours of its start.
select
  to_char(closed_at at time zone 'UTC', 'YYYY-MM-DD') as day,
  count(*)::integer as requests,
  sum(prompt_tokens)::bigint as prompt_tokens,
  sum(completion_tokens)::bigint as completion_tokens
from usage
where opened_at >= $1::timestamptz - interval '2 hours' and opened_at < $2::timestamptz
  and closed_at >= $1::timestamptz and closed_at < $2::timestamptz
  and ended <> 'refused'
group by 1
order by 1
