-- Requests that ended in the window, and the tokens they used; those that never reached a machine are counted apart.
-- $1, $2: the window, from and to, whole minutes.
select
  coalesce(sum(requests), 0)::integer as requests,
  coalesce(sum(refused), 0)::integer as refused,
  coalesce(sum(prompt_tokens), 0)::bigint as prompt_tokens,
  coalesce(sum(completion_tokens), 0)::bigint as completion_tokens
from usage_in($1::timestamptz, $2::timestamptz)
