-- Of the requests that ended in the window and had to wait for a machine: those answered 504 wake_timeout.
-- $1, $2: the window, from and to, whole minutes.
select
  coalesce(sum(waited), 0)::integer as waited,
  coalesce(sum(timed_out), 0)::integer as timed_out
from usage_in($1::timestamptz, $2::timestamptz)
