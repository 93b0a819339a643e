-- The fold of this name over the usage rows themselves.
select
  to_char(closed_at at time zone 'UTC', 'YYYY-MM-DD') as day,
  count(*) filter (where ended <> 'refused')::integer as requests,
  sum(prompt_tokens)::bigint as prompt_tokens,
  sum(completion_tokens)::bigint as completion_tokens
from usage
where closed_at >= $1::timestamptz and closed_at < $2::timestamptz
group by 1
having count(*) filter (where ended <> 'refused') > 0
order by 1
