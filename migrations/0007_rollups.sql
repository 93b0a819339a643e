-- Totals by minute and by hour: what the published figures read, so that a month of them is quick at any size.

-- Which rows ended in a minute, however late they were written.
create index usage_closed on usage (closed_at) where closed_at is not null;
-- Where a machine was at a time: its last move, by the journal's order, of those made by then.
create index operations_moves on operations (machine_id, seq desc) where kind = 'move';

-- Requests by the minute in which they ended. A row holds what the minute's total was short of when it was written:
-- a late request is another row of the same minute, never an update. The sum of a minute's rows is its total.
create table usage_minutes (
  seq bigint generated always as identity primary key,
  minute timestamptz not null check (minute = date_trunc('minute', minute)),
  -- '' where a request never had one.
  tier text not null,
  machine_id text not null,
  model text not null,
  requests bigint not null,
  refused bigint not null,
  -- Of both: those that had to wait for a machine, and of them those answered 504 wake_timeout.
  waited bigint not null,
  timed_out bigint not null,
  prompt_tokens bigint not null,
  completion_tokens bigint not null,
  cached_tokens bigint not null,
  recorded_at timestamptz not null
);

create index usage_minutes_time on usage_minutes (minute);
create index usage_minutes_recorded on usage_minutes (recorded_at);

-- What machines did in a minute, in microseconds, in the same manner. Minutes in which a machine was off have no row.
create table machine_minutes (
  seq bigint generated always as identity primary key,
  minute timestamptz not null check (minute = date_trunc('minute', minute)),
  tier text not null,
  machine_id text not null,
  powered_us bigint not null,
  busy_us bigint not null,
  idle_us bigint not null,
  recorded_at timestamptz not null
);

create index machine_minutes_time on machine_minutes (minute);
create index machine_minutes_recorded on machine_minutes (recorded_at);

create trigger usage_minutes_append_only
before update or delete or truncate on usage_minutes
for each statement execute function refuse_rewrite();

create trigger machine_minutes_append_only
before update or delete or truncate on machine_minutes
for each statement execute function refuse_rewrite();

-- How far the minutes above are made. All before `rolled_to` are; it only ever grows.
create table rollups (
  singleton boolean primary key default true check (singleton),
  rolled_to timestamptz,
  -- When minutes of long ago were last looked through for rows that came late.
  rechecked_at timestamptz
);

insert into rollups default values;

-- Sums of the same by hour. The triggers below keep them in the transaction that writes the minutes.
create table usage_hours (
  hour timestamptz not null,
  tier text not null,
  model text not null,
  requests bigint not null,
  refused bigint not null,
  waited bigint not null,
  timed_out bigint not null,
  prompt_tokens bigint not null,
  completion_tokens bigint not null,
  cached_tokens bigint not null,
  primary key (hour, tier, model)
);

create table machine_hours (
  hour timestamptz not null,
  tier text not null,
  powered_us bigint not null,
  busy_us bigint not null,
  idle_us bigint not null,
  primary key (hour, tier)
);

-- Money of resources that carry this deployment's name; tier '' for those that belong to none.
create table spend_hours (
  hour timestamptz not null,
  provider text not null,
  tier text not null,
  use text not null,
  nano_usd numeric(28, 0) not null,
  primary key (hour, provider, tier, use)
);

-- The first minute for which a provider's bill was read.
create table billing_since (
  provider text primary key,
  since timestamptz not null
);

create function add_usage_hours() returns trigger language plpgsql as $$
begin
  insert into usage_hours as known (
    hour, tier, model, requests, refused, waited, timed_out, prompt_tokens, completion_tokens, cached_tokens
  )
  select
    date_trunc('hour', minute, 'UTC') as hour, tier, model, sum(requests), sum(refused), sum(waited), sum(timed_out),
    sum(prompt_tokens), sum(completion_tokens), sum(cached_tokens)
  from added
  group by 1, tier, model
  order by 1, tier, model
  on conflict (hour, tier, model) do update set
    requests = known.requests + excluded.requests,
    refused = known.refused + excluded.refused,
    waited = known.waited + excluded.waited,
    timed_out = known.timed_out + excluded.timed_out,
    prompt_tokens = known.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = known.completion_tokens + excluded.completion_tokens,
    cached_tokens = known.cached_tokens + excluded.cached_tokens;
  return null;
end
$$;

create trigger usage_minutes_hours
after insert on usage_minutes referencing new table as added
for each statement execute function add_usage_hours();

create function add_machine_hours() returns trigger language plpgsql as $$
begin
  insert into machine_hours as known (hour, tier, powered_us, busy_us, idle_us)
  select date_trunc('hour', minute, 'UTC') as hour, tier, sum(powered_us), sum(busy_us), sum(idle_us)
  from added
  group by 1, tier
  order by 1, tier
  on conflict (hour, tier) do update set
    powered_us = known.powered_us + excluded.powered_us,
    busy_us = known.busy_us + excluded.busy_us,
    idle_us = known.idle_us + excluded.idle_us;
  return null;
end
$$;

create trigger machine_minutes_hours
after insert on machine_minutes referencing new table as added
for each statement execute function add_machine_hours();

create function add_spend_hours() returns trigger language plpgsql as $$
begin
  insert into spend_hours as known (hour, provider, tier, use, nano_usd)
  select date_trunc('hour', minute, 'UTC') as hour, provider, coalesce(tier, '') as tier, use, sum(nano_usd)
  from added
  where machine_id is not null
  group by 1, provider, 3, use
  order by 1, provider, 3, use
  on conflict (hour, provider, tier, use) do update set nano_usd = known.nano_usd + excluded.nano_usd;
  return null;
end
$$;

create trigger spend_hours
after insert on spend referencing new table as added
for each statement execute function add_spend_hours();

create function keep_billing_since() returns trigger language plpgsql as $$
begin
  insert into billing_since as known (provider, since)
  select provider, min(minute) from added where outcome = 'read' group by provider order by provider
  on conflict (provider) do update set since = excluded.since where excluded.since < known.since;
  return null;
end
$$;

create trigger billing_snapshots_since
after insert on billing_snapshots referencing new table as added
for each statement execute function keep_billing_since();

insert into spend_hours (hour, provider, tier, use, nano_usd)
select date_trunc('hour', minute, 'UTC'), provider, coalesce(tier, ''), use, sum(nano_usd)
from spend
where machine_id is not null
group by 1, 2, 3, 4;

insert into billing_since (provider, since)
select provider, min(minute) from billing_snapshots where outcome = 'read' group by provider;

-- What the figures read of a window of whole minutes: its whole hours, and the minutes before and after them.
-- `at` is the start of the hour or minute, so its UTC day is the row's.
create function first_whole_hour(since timestamptz) returns timestamptz language sql stable as $$
  select date_trunc('hour', since + interval '1 hour' - interval '1 microsecond', 'UTC')
$$;

create function usage_in(since timestamptz, until timestamptz)
returns table (
  at timestamptz, tier text, model text, requests bigint, refused bigint, waited bigint, timed_out bigint,
  prompt_tokens bigint, completion_tokens bigint, cached_tokens bigint
) language sql stable as $$
  select
    hour, tier, model, requests, refused, waited, timed_out, prompt_tokens, completion_tokens, cached_tokens
  from usage_hours
  where hour >= first_whole_hour(since) and hour < date_trunc('hour', until, 'UTC')
  union all
  select
    minute, tier, model, requests, refused, waited, timed_out, prompt_tokens, completion_tokens, cached_tokens
  from usage_minutes
  where minute >= since and minute < least(first_whole_hour(since), until)
  union all
  select
    minute, tier, model, requests, refused, waited, timed_out, prompt_tokens, completion_tokens, cached_tokens
  from usage_minutes
  where minute >= greatest(first_whole_hour(since), date_trunc('hour', until, 'UTC')) and minute < until
$$;

create function machine_time_in(since timestamptz, until timestamptz)
returns table (at timestamptz, tier text, powered_us bigint, busy_us bigint, idle_us bigint)
language sql stable as $$
  select hour, tier, powered_us, busy_us, idle_us
  from machine_hours
  where hour >= first_whole_hour(since) and hour < date_trunc('hour', until, 'UTC')
  union all
  select minute, tier, powered_us, busy_us, idle_us
  from machine_minutes
  where minute >= since and minute < least(first_whole_hour(since), until)
  union all
  select minute, tier, powered_us, busy_us, idle_us
  from machine_minutes
  where minute >= greatest(first_whole_hour(since), date_trunc('hour', until, 'UTC')) and minute < until
$$;

create function spend_in(since timestamptz, until timestamptz)
returns table (at timestamptz, provider text, tier text, use text, nano_usd numeric)
language sql stable as $$
  select hour, provider, tier, use, nano_usd
  from spend_hours
  where hour >= first_whole_hour(since) and hour < date_trunc('hour', until, 'UTC')
  union all
  select minute, provider, coalesce(tier, ''), use, nano_usd
  from spend
  where minute >= since and minute < least(first_whole_hour(since), until) and machine_id is not null
  union all
  select minute, provider, coalesce(tier, ''), use, nano_usd
  from spend
  where minute >= greatest(first_whole_hour(since), date_trunc('hour', until, 'UTC')) and minute < until
    and machine_id is not null
$$;

-- Whether a provider that was watched by then has no bill of the minute before `edge`: what it billed on one side of
-- the edge may then be in the money of the other.
create function bill_is_missing_at(of_provider text, edge timestamptz) returns boolean language sql stable as $$
  select
    exists (select from billing_since where provider = of_provider and since < edge)
    and not exists (
      select from billing_snapshots
      where provider = of_provider and outcome = 'read' and minute >= edge - interval '1 minute' and minute < edge
    )
$$;
