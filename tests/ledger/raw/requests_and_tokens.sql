-- The fold of this name over the usage rows themselves.
select
  count(*) filter (where ended <> 'refused')::integer as requests,
  count(*) filter (where ended = 'refused')::integer as refused,
  coalesce(sum(prompt_tokens), 0)::bigint as prompt_tokens,
  coalesce(sum(completion_tokens), 0)::bigint as completion_tokens
from usage
where closed_at >= $1::timestamptz and closed_at < $2::timestamptz
