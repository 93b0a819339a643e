-- When a failed wake's machine may be tried again, as known by the move that failed it: told with the wake, since the
-- machine's own row is read at another moment.

alter table wakes
  add column retry_at timestamptz,
  add check (retry_at is null or outcome is not distinct from 'failed');
