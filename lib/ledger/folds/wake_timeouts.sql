-- Of the requests that had to wait for a machine: those answered 504 wake_timeout.
-- $1, $2: the window, from and to.
select
  count(*)::integer as waited,
  count(*) filter (where error_code = 'wake_timeout')::integer as timed_out
from usage
where opened_at >= $1::timestamptz and opened_at < $2::timestamptz and closed_at is not null
  and (wake_id is not null or error_code = 'wake_timeout')
