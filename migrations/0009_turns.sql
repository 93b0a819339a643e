-- What replicas share when they talk to a provider: its rate limit, and the notes of machines nobody remembers.

-- One bucket per provider account, by the clock of the replicas.
create table provider_turns (
  provider text primary key,
  -- What calls are paid with: one costs 60000, and each millisecond adds the calls a minute brings.
  credit bigint not null check (credit >= 0),
  as_of timestamptz not null,
  -- The provider said 429: nobody calls before this.
  held_until timestamptz
);

-- Read at each round of reconciling; there are few, however long the journal grows.
create index operations_orphans on operations (seq) where kind = 'note' and because like 'orphan %';
