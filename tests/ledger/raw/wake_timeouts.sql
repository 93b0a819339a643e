-- The fold of this name over the usage rows themselves.
select
  count(*)::integer as waited,
  count(*) filter (where error_code = 'wake_timeout')::integer as timed_out
from usage
where closed_at >= $1::timestamptz and closed_at < $2::timestamptz
  and (wake_id is not null or error_code = 'wake_timeout')
