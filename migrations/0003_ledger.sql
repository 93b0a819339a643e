-- What was used and what it is worth: one row per request, dated prices.

create table prices (
  id text primary key check (id like 'prc\_%'),
  model text not null,
  band text not null check (band in ('spot', 'standard')),
  -- Nano-dollars per million tokens.
  input_nano_usd numeric(20, 0) not null check (input_nano_usd >= 0),
  output_nano_usd numeric(20, 0) not null check (output_nano_usd >= 0),
  valid_from timestamptz not null default now(),
  valid_to timestamptz,
  check (valid_to is null or valid_to > valid_from)
);

create unique index prices_current on prices (model, band) where valid_to is null;

-- One row per request that was let in: open while it runs on a machine, closed exactly once. One that never
-- got a machine (timed out, queue full) is written closed, as refused.
create table usage (
  id text not null check (id like 'req\_%'),
  opened_at timestamptz not null,
  -- The x-request-id the client saw.
  request_id text not null,
  account_id text not null,
  key_id text not null,
  replica_id text not null,
  route text not null,
  -- What the client asked for, and the catalogue model that served.
  model_asked text not null,
  model text not null,
  tier text,
  band text check (band in ('spot', 'standard')),
  machine_id text,
  wake_id text,
  stream boolean not null,
  attempts integer not null default 1 check (attempts > 0),
  admit_ms integer not null check (admit_ms >= 0),
  wait_ms integer not null check (wait_ms >= 0),
  -- While it runs: the last checkpoint. Once closed: the final count.
  prompt_tokens bigint not null default 0 check (prompt_tokens >= 0),
  completion_tokens bigint not null default 0 check (completion_tokens >= 0),
  cached_tokens bigint not null default 0 check (cached_tokens >= 0),
  -- Where the counts come from: the engine's own figure, its running figure, our count of chunks, or nothing.
  tokens_from text not null default 'none' check (tokens_from in ('engine', 'running', 'chunks', 'none')),
  checkpoint_at timestamptz,
  closed_at timestamptz,
  status integer check (status between 100 and 599),
  ended text check (
    ended in ('complete', 'client_left', 'upstream_failed', 'truncated', 'stalled', 'refused', 'interrupted', 'shutdown')
  ),
  finish_reason text,
  error_code text,
  ttft_ms integer check (ttft_ms >= 0),
  total_ms integer check (total_ms >= 0),
  price_id text,
  cost_nano_usd numeric(20, 0) check (cost_nano_usd >= 0),
  primary key (id, opened_at),
  check ((closed_at is null) = (ended is null)),
  check ((closed_at is null) = (status is null)),
  check (closed_at is null or cost_nano_usd is not null),
  -- Between two machines an open row has none, so that it holds up neither.
  check (ended is distinct from 'complete' or (machine_id is not null and tier is not null and band is not null))
) partition by range (opened_at);

create index usage_open on usage (machine_id) where closed_at is null;
create index usage_open_replica on usage (replica_id) where closed_at is null;
create index usage_account on usage (account_id, opened_at desc);
create index usage_time on usage (opened_at desc);

-- Months are made ahead by the sweep; a row of an unmade month still has a home.
create table usage_elsewhen partition of usage default;

-- Rows that came before their month was made move into it: a default partition may not hold what another one is for.
-- The month is attached, not created in place, so that requests go on being written meanwhile.
create function make_usage_month(month date) returns void language plpgsql
set timezone = 'UTC' as $$
declare
  first date := date_trunc('month', month)::date;
  after date := (first + interval '1 month')::date;
  partition_name text := 'usage_' || to_char(first, 'YYYY_MM');
begin
  perform pg_advisory_xact_lock(hashtextextended('make_usage_month', 0));
  if to_regclass(partition_name) is not null then
    return;
  end if;
  execute format('create table %I (like usage including all)', partition_name);
  if exists (select from usage_elsewhen where opened_at >= first and opened_at < after) then
    lock table usage_elsewhen in access exclusive mode;
    execute format('insert into %I select * from usage_elsewhen where opened_at >= %L and opened_at < %L', partition_name, first, after);
    delete from usage_elsewhen where opened_at >= first and opened_at < after;
  end if;
  execute format('alter table usage attach partition %I for values from (%L) to (%L)', partition_name, first, after);
end
$$;

select make_usage_month(now()::date);
select make_usage_month((now() + interval '1 month')::date);
