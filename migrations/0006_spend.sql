-- What each minute cost and what it was for: made once from a snapshot, beside the readings it was made from.
create table spend (
  provider text not null,
  minute timestamptz not null,
  resource_id text not null,
  resource_created_at timestamptz not null,
  machine_id text,
  tier text,
  -- What the machine did in the minutes that this pays for; unknown across a gap, and for a machine nobody knows.
  use text not null check (use in ('serving', 'idle', 'warm_up', 'storage', 'unknown')),
  -- The provider's total now less its total before; negative for a credit.
  nano_usd numeric(24, 0) not null,
  primary key (provider, minute, resource_id, resource_created_at),
  foreign key (provider, minute, resource_id, resource_created_at)
    references billing_readings (provider, minute, resource_id, resource_created_at)
);

create index spend_time on spend (minute);

create trigger spend_append_only
before update or delete or truncate on spend
for each statement execute function refuse_rewrite();
