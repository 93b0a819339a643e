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

-- Sums of the same by whole hours and UTC days. The triggers below keep them in the transaction that writes the minutes.
create table usage_spans (
  span text not null check (span in ('hour', 'day')),
  at timestamptz not null,
  tier text not null,
  model text not null,
  requests bigint not null,
  refused bigint not null,
  waited bigint not null,
  timed_out bigint not null,
  prompt_tokens bigint not null,
  completion_tokens bigint not null,
  cached_tokens bigint not null,
  primary key (span, at, tier, model)
);

create table machine_spans (
  span text not null check (span in ('hour', 'day')),
  at timestamptz not null,
  tier text not null,
  powered_us bigint not null,
  busy_us bigint not null,
  idle_us bigint not null,
  primary key (span, at, tier)
);

-- Money of resources that carry this deployment's name; tier '' for those that belong to none.
create table spend_spans (
  span text not null check (span in ('hour', 'day')),
  at timestamptz not null,
  provider text not null,
  tier text not null,
  use text not null,
  nano_usd numeric(28, 0) not null,
  primary key (span, at, provider, tier, use)
);

-- For how many minutes of an hour a provider's bill was read.
create table billing_hours (
  hour timestamptz not null,
  provider text not null,
  minutes integer not null,
  primary key (hour, provider)
);

-- The first minute for which a provider's bill was read.
create table billing_since (
  provider text primary key,
  since timestamptz not null
);

create function spans() returns table (span text, length interval) language sql immutable as $$
  values ('hour', interval '1 hour'), ('day', interval '24 hours')
$$;

create function add_usage_spans() returns trigger language plpgsql as $$
begin
  insert into usage_spans as known (
    span, at, tier, model, requests, refused, waited, timed_out, prompt_tokens, completion_tokens, cached_tokens
  )
  select
    span, date_bin(length, minute, 'epoch') as at, tier, model, sum(requests), sum(refused), sum(waited),
    sum(timed_out), sum(prompt_tokens), sum(completion_tokens), sum(cached_tokens)
  from added cross join spans()
  group by span, 2, tier, model
  order by span, 2, tier, model
  on conflict (span, at, tier, model) do update set
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

create trigger usage_minutes_spans
after insert on usage_minutes referencing new table as added
for each statement execute function add_usage_spans();

create function add_machine_spans() returns trigger language plpgsql as $$
begin
  insert into machine_spans as known (span, at, tier, powered_us, busy_us, idle_us)
  select span, date_bin(length, minute, 'epoch') as at, tier, sum(powered_us), sum(busy_us), sum(idle_us)
  from added cross join spans()
  group by span, 2, tier
  order by span, 2, tier
  on conflict (span, at, tier) do update set
    powered_us = known.powered_us + excluded.powered_us,
    busy_us = known.busy_us + excluded.busy_us,
    idle_us = known.idle_us + excluded.idle_us;
  return null;
end
$$;

create trigger machine_minutes_spans
after insert on machine_minutes referencing new table as added
for each statement execute function add_machine_spans();

create function add_spend_spans() returns trigger language plpgsql as $$
begin
  insert into spend_spans as known (span, at, provider, tier, use, nano_usd)
  select span, date_bin(length, minute, 'epoch') as at, provider, coalesce(tier, '') as tier, use, sum(nano_usd)
  from added cross join spans()
  where machine_id is not null
  group by span, 2, provider, 4, use
  order by span, 2, provider, 4, use
  on conflict (span, at, provider, tier, use) do update set nano_usd = known.nano_usd + excluded.nano_usd;
  return null;
end
$$;

create trigger spend_spans
after insert on spend referencing new table as added
for each statement execute function add_spend_spans();

create function add_billing_hours() returns trigger language plpgsql as $$
begin
  insert into billing_hours as known (hour, provider, minutes)
  select date_bin('1 hour', minute, 'epoch') as hour, provider, count(*)
  from added
  where outcome = 'read'
  group by 1, provider
  order by 1, provider
  on conflict (hour, provider) do update set minutes = known.minutes + excluded.minutes;
  insert into billing_since as known (provider, since)
  select provider, min(minute) from added where outcome = 'read' group by provider order by provider
  on conflict (provider) do update set since = excluded.since where excluded.since < known.since;
  return null;
end
$$;

create trigger billing_snapshots_hours
after insert on billing_snapshots referencing new table as added
for each statement execute function add_billing_hours();

insert into spend_spans (span, at, provider, tier, use, nano_usd)
select span, date_bin(length, minute, 'epoch'), provider, coalesce(tier, ''), use, sum(nano_usd)
from spend cross join spans()
where machine_id is not null
group by 1, 2, 3, 4, 5;

insert into billing_hours (hour, provider, minutes)
select date_bin('1 hour', minute, 'epoch'), provider, count(*)
from billing_snapshots
where outcome = 'read'
group by 1, 2;

insert into billing_since (provider, since)
select provider, min(minute) from billing_snapshots where outcome = 'read' group by provider;

-- What the figures read of a window of whole minutes: its whole UTC days, the whole hours before and after them, and the
-- minutes before and after those. `at` is the start of the day, hour or minute, so its UTC day is the row's.
-- (Ends are worked out once for a statement, not for each row: date_bin, unlike date_trunc, is immutable, and so are
-- these, for hours are as long in every time zone.)
create function first_hour(since timestamptz) returns timestamptz language sql immutable as $$
  select date_bin('1 hour', since + interval '1 hour' - interval '1 microsecond', 'epoch')
$$;

create function first_day(since timestamptz) returns timestamptz language sql immutable as $$
  select date_bin('24 hours', since + interval '24 hours' - interval '1 microsecond', 'epoch')
$$;

create function usage_in(since timestamptz, until timestamptz)
returns table (
  at timestamptz, tier text, model text, requests bigint, refused bigint, waited bigint, timed_out bigint,
  prompt_tokens bigint, completion_tokens bigint, cached_tokens bigint
) language sql stable as $$
  select
    at, tier, model, requests, refused, waited, timed_out, prompt_tokens, completion_tokens, cached_tokens
  from usage_spans
  where span = 'day' and at >= first_day(since) and at < date_bin('24 hours', until, 'epoch')
  union all
  select
    at, tier, model, requests, refused, waited, timed_out, prompt_tokens, completion_tokens, cached_tokens
  from usage_spans
  where span = 'hour' and at >= first_hour(since) and at < least(first_day(since), date_bin('1 hour', until, 'epoch'))
  union all
  select
    at, tier, model, requests, refused, waited, timed_out, prompt_tokens, completion_tokens, cached_tokens
  from usage_spans
  where span = 'hour' and at >= greatest(first_day(since), date_bin('24 hours', until, 'epoch'))
    and at < date_bin('1 hour', until, 'epoch')
  union all
  select
    minute, tier, model, requests, refused, waited, timed_out, prompt_tokens, completion_tokens, cached_tokens
  from usage_minutes
  where minute >= since and minute < least(first_hour(since), until)
  union all
  select
    minute, tier, model, requests, refused, waited, timed_out, prompt_tokens, completion_tokens, cached_tokens
  from usage_minutes
  where minute >= greatest(first_hour(since), date_bin('1 hour', until, 'epoch')) and minute < until
$$;

create function machine_time_in(since timestamptz, until timestamptz)
returns table (at timestamptz, tier text, powered_us bigint, busy_us bigint, idle_us bigint)
language sql stable as $$
  select at, tier, powered_us, busy_us, idle_us from machine_spans
  where span = 'day' and at >= first_day(since) and at < date_bin('24 hours', until, 'epoch')
  union all
  select at, tier, powered_us, busy_us, idle_us from machine_spans
  where span = 'hour' and at >= first_hour(since) and at < least(first_day(since), date_bin('1 hour', until, 'epoch'))
  union all
  select at, tier, powered_us, busy_us, idle_us from machine_spans
  where span = 'hour' and at >= greatest(first_day(since), date_bin('24 hours', until, 'epoch'))
    and at < date_bin('1 hour', until, 'epoch')
  union all
  select minute, tier, powered_us, busy_us, idle_us from machine_minutes
  where minute >= since and minute < least(first_hour(since), until)
  union all
  select minute, tier, powered_us, busy_us, idle_us from machine_minutes
  where minute >= greatest(first_hour(since), date_bin('1 hour', until, 'epoch')) and minute < until
$$;

create function spend_in(since timestamptz, until timestamptz)
returns table (at timestamptz, provider text, tier text, use text, nano_usd numeric)
language sql stable as $$
  select at, provider, tier, use, nano_usd from spend_spans
  where span = 'day' and at >= first_day(since) and at < date_bin('24 hours', until, 'epoch')
  union all
  select at, provider, tier, use, nano_usd from spend_spans
  where span = 'hour' and at >= first_hour(since) and at < least(first_day(since), date_bin('1 hour', until, 'epoch'))
  union all
  select at, provider, tier, use, nano_usd from spend_spans
  where span = 'hour' and at >= greatest(first_day(since), date_bin('24 hours', until, 'epoch'))
    and at < date_bin('1 hour', until, 'epoch')
  union all
  select minute, provider, coalesce(tier, ''), use, nano_usd from spend
  where minute >= since and minute < least(first_hour(since), until) and machine_id is not null
  union all
  select minute, provider, coalesce(tier, ''), use, nano_usd from spend
  where minute >= greatest(first_hour(since), date_bin('1 hour', until, 'epoch')) and minute < until
    and machine_id is not null
$$;

create function bills_read_in(since timestamptz, until timestamptz)
returns table (provider text, minutes integer)
language sql stable as $$
  select provider, minutes from billing_hours
  where hour >= first_hour(since) and hour < date_bin('1 hour', until, 'epoch')
  union all
  select provider, 1 from billing_snapshots
  where minute >= since and minute < least(first_hour(since), until) and outcome = 'read'
  union all
  select provider, 1 from billing_snapshots
  where minute >= greatest(first_hour(since), date_bin('1 hour', until, 'epoch')) and minute < until
    and outcome = 'read'
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
