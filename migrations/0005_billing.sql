-- What the providers' own billing said, minute by minute.

-- One row per provider and minute, whichever replica came first. A minute in which nobody could ask, or in which the
-- answer could not be read, is a gap; so is a minute without a row.
create table billing_snapshots (
  provider text not null,
  minute timestamptz not null check (minute = date_trunc('minute', minute)),
  -- When the answer arrived, by the database's clock.
  taken_at timestamptz not null default now(),
  outcome text not null check (outcome in ('read', 'gap')),
  -- Why there is a gap: a class of provider failure and its message.
  because text,
  -- The answer as it came.
  raw jsonb,
  replica_id text not null,
  primary key (provider, minute),
  check ((outcome = 'read') = (raw is not null)),
  check ((outcome = 'gap') = (because is not null))
);

create index billing_snapshots_time on billing_snapshots (minute desc);

-- The same answer, one row per resource, in our units. `total_nano_usd` is what the provider has billed for the resource
-- since it was created: it grows, and is lowered by credits and corrections.
create table billing_readings (
  provider text not null,
  minute timestamptz not null,
  resource_id text not null,
  -- Tells a resource from a later one that was given the same id; minus infinity when the provider does not say.
  resource_created_at timestamptz not null,
  kind text not null check (kind in ('machine', 'volume', 'address', 'snapshot', 'other')),
  name text not null,
  -- Ours, when its name or id says so; null for what else is on the account.
  machine_id text,
  tier text,
  rate_nano_usd_per_minute numeric(20, 0) not null,
  total_nano_usd numeric(24, 0) not null,
  active boolean not null,
  terminated_at timestamptz,
  primary key (provider, minute, resource_id, resource_created_at),
  foreign key (provider, minute) references billing_snapshots (provider, minute)
);

create index billing_readings_resource on billing_readings (provider, resource_id, resource_created_at, minute);
create index billing_readings_time on billing_readings (minute);

create trigger billing_snapshots_append_only
before update or delete or truncate on billing_snapshots
for each statement execute function refuse_rewrite();

create trigger billing_readings_append_only
before update or delete or truncate on billing_readings
for each statement execute function refuse_rewrite();
