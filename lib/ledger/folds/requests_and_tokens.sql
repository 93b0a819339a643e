-- Requests that ended in the window, and the tokens they used; those that never reached a machine are counted apart.
-- $1, $2: the window, from and to. A request ends within two hours of its start.
select
  count(*) filter (where ended <> 'refused')::integer as requests,
  count(*) filter (where ended = 'refused')::integer as refused,
  coalesce(sum(prompt_tokens), 0)::bigint as prompt_tokens,
  coalesce(sum(completion_tokens), 0)::bigint as completion_tokens
from usage
where opened_at >= $1::timestamptz - interval '2 hours' and opened_at < $2::timestamptz
  and closed_at >= $1::timestamptz and closed_at < $2::timestamptz
