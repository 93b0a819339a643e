-- Machines and what moves them: replicas, the dated lineup, machines, wakes, the journal.

create table replicas (
  id text primary key check (id like 'rep\_%'),
  host text not null,
  pid integer not null,
  version text not null,
  started_at timestamptz not null default now(),
  -- The heartbeat. Time is the database's, so replicas with skewed clocks agree.
  seen_at timestamptz not null default now(),
  ended_at timestamptz
);

create index replicas_live on replicas (seen_at) where ended_at is null;

-- Every lineup that was ever in force, so that a figure of last month can be read with its own tiers.
create table lineups (
  id text primary key check (id like 'lin\_%'),
  sha256 text not null,
  document jsonb not null,
  in_force_from timestamptz not null default now()
);

create index lineups_time on lineups (in_force_from);

create table machines (
  id text primary key check (id like 'mac\_%'),
  tier text not null,
  slot integer not null check (slot >= 0),
  provider text not null,
  -- The provider's own name for the computer; null while none exists.
  external_id text,
  -- Where its engine answers; null while nobody knows.
  base_url text,
  place text not null check (
    place in (
      'absent', 'creating', 'asleep', 'waking', 'loading', 'ready', 'napping',
      'draining', 'stopping', 'destroying', 'failed'
    )
  ),
  place_since timestamptz not null default now(),
  -- What the place carries, as lib/fleet/place.ts has it: deadlines, quiet time, what follows.
  place_detail jsonb not null default '{}',
  failures integer not null default 0 check (failures >= 0),
  -- Grows by one with every move; a write that names an old one loses.
  generation bigint not null default 0,
  lease_holder text,
  -- Only ever grows: the fence that tells a late holder from the current one.
  lease_token bigint not null default 0,
  lease_until timestamptz,
  -- Set when the lineup no longer names it; it is drained and stopped, then closed.
  retired_at timestamptz,
  created_at timestamptz not null default now(),
  check (place not in ('ready', 'napping', 'draining') or base_url is not null),
  check ((lease_holder is null) = (lease_until is null))
);

create unique index machines_slot on machines (tier, slot) where retired_at is null;

create table wakes (
  id text primary key check (id like 'wak\_%'),
  tier text not null,
  machine_id text not null references machines (id),
  -- The request that asked first; later ones share the wake.
  request_id text,
  asked_at timestamptz not null default now(),
  deadline timestamptz not null,
  from_place text not null,
  power_asked_at timestamptz,
  power_on_at timestamptz,
  address_at timestamptz,
  port_open_at timestamptz,
  healthy_at timestamptz,
  first_token_at timestamptz,
  ended_at timestamptz,
  outcome text check (outcome in ('served', 'failed', 'expired')),
  because text,
  check ((ended_at is null) = (outcome is null)),
  check (deadline > asked_at)
);

-- One open wake per tier, however many requests want it.
create unique index wakes_open on wakes (tier) where ended_at is null;
create index wakes_history on wakes (tier, asked_at desc) where outcome = 'served';
create index wakes_recent on wakes (asked_at desc);

-- The journal: every fleet mutation, why, and what came of it.
create table operations (
  id text primary key check (id like 'opr\_%'),
  at timestamptz not null default now(),
  kind text not null check (kind in ('move', 'outcome', 'note')),
  machine_id text references machines (id),
  tier text,
  generation bigint,
  from_place text,
  to_place text,
  act text,
  because text not null,
  -- For an outcome: the move it belongs to, and how it went.
  move_id text references operations (id),
  outcome text check (outcome in ('done', 'failed', 'refused')),
  detail jsonb not null default '{}',
  replica_id text,
  check (kind <> 'move' or (machine_id is not null and to_place is not null and generation is not null)),
  check (kind <> 'outcome' or (move_id is not null and outcome is not null))
);

create index operations_time on operations (at desc);
create index operations_machine on operations (machine_id, at desc);
-- One move per machine and generation: a second writer of the same step is refused by the database itself.
create unique index operations_step on operations (machine_id, generation) where kind = 'move';

create trigger operations_append_only
before update or delete or truncate on operations
for each statement execute function refuse_rewrite();

-- A cron body runs once a minute across replicas: the first to insert its minute runs it.
create table cron_runs (
  name text not null,
  minute timestamptz not null,
  replica_id text not null,
  primary key (name, minute)
);

create function tell_machines() returns trigger language plpgsql as $$
begin
  perform pg_notify('machines', new.id);
  return null;
end
$$;

-- Leases come and go with every look; only what a router cares about is told.
create trigger machines_moved
after insert or update of place, base_url, retired_at, generation on machines
for each row execute function tell_machines();

create function tell_wakes() returns trigger language plpgsql as $$
begin
  perform pg_notify('wakes', new.id);
  return null;
end
$$;

create trigger wakes_changed
after insert or update on wakes
for each row execute function tell_wakes();

-- Names this deployment to providers, so that its machines are told from those of others on the same account.
create table deployment (
  singleton boolean primary key default true check (singleton),
  id text not null check (id ~ '^dep_[0-9a-f]{16}$'),
  created_at timestamptz not null default now()
);

insert into deployment (id) values ('dep_' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 16));
