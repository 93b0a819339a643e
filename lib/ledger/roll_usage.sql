-- Rolls the minutes of a span up: appends what the closed usage rows of each minute come to, less what was appended
-- for it before. Where nothing is new, nothing is written. $1, $2: the span, from and to; $3: now.
insert into usage_minutes (
  minute, tier, machine_id, model, requests, refused, waited, timed_out, prompt_tokens, completion_tokens,
  cached_tokens, recorded_at
)
select
  minute, tier, machine_id, model, sum(requests), sum(refused), sum(waited), sum(timed_out), sum(prompt_tokens),
  sum(completion_tokens), sum(cached_tokens), $3::timestamptz
from (
  select
    date_trunc('minute', closed_at) as minute,
    coalesce(tier, '') as tier,
    coalesce(machine_id, '') as machine_id,
    model,
    (ended <> 'refused')::integer as requests,
    (ended = 'refused')::integer as refused,
    (wake_id is not null or error_code is not distinct from 'wake_timeout')::integer as waited,
    (error_code is not distinct from 'wake_timeout')::integer as timed_out,
    prompt_tokens,
    completion_tokens,
    cached_tokens
  from usage
  where closed_at >= $1::timestamptz and closed_at < $2::timestamptz
  union all
  select
    minute, tier, machine_id, model, -requests, -refused, -waited, -timed_out, -prompt_tokens, -completion_tokens,
    -cached_tokens
  from usage_minutes
  where minute >= $1::timestamptz and minute < $2::timestamptz
) as found
group by minute, tier, machine_id, model
having (
  sum(requests), sum(refused), sum(waited), sum(timed_out), sum(prompt_tokens), sum(completion_tokens),
  sum(cached_tokens)
) <> (0, 0, 0, 0, 0, 0, 0)
order by minute, tier, machine_id, model
