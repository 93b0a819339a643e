-- What replicas share when they talk to a provider: its rate limit, and the notes of machines nobody remembers.

-- One bucket per provider account. Its clock is the replicas' own, handed in with each call.
create table provider_turns (
  provider text primary key,
  -- Calls that may be made at once, as of `as_of`; refilled evenly.
  left_over double precision not null check (left_over >= 0),
  as_of timestamptz not null,
  -- The provider said 429: nobody calls before this.
  held_until timestamptz
);

-- Read at each round of reconciling; there are few, however long the journal grows.
create index operations_orphans on operations (seq) where kind = 'note' and because like 'orphan %';
