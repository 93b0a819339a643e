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

-- What a column may hold is said by its type where it can be: a CHECK of the table is read and compiled again by every
-- statement that writes, of which a request costs two; a domain's once per connection.
create domain usage_count as bigint check (value >= 0);
create domain usage_ms as integer check (value >= 0);
create domain usage_band as text check (value in ('spot', 'standard'));
create domain usage_status as integer check (value between 100 and 599);
-- Where the counts come from: the engine's own figure, its running figure, our count of chunks, or nothing.
create domain usage_tokens_from as text check (value in ('engine', 'running', 'chunks', 'none'));
create domain usage_end as text check (
  value in ('complete', 'client_left', 'upstream_failed', 'truncated', 'stalled', 'refused', 'interrupted', 'shutdown')
);

-- One row per request that was let in: open while it runs on a machine, closed exactly once. One that never
-- got a machine (timed out, queue full) is written closed, as refused.
create table usage (
  id text not null,
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
  band usage_band,
  machine_id text,
  wake_id text,
  stream boolean not null,
  attempts integer not null default 1,
  admit_ms usage_ms not null,
  wait_ms usage_ms not null,
  -- While it runs: the last checkpoint. Once closed: the final count.
  prompt_tokens usage_count not null default 0,
  completion_tokens usage_count not null default 0,
  cached_tokens usage_count not null default 0,
  tokens_from usage_tokens_from not null default 'none',
  checkpoint_at timestamptz,
  closed_at timestamptz,
  status usage_status,
  ended usage_end,
  finish_reason text,
  error_code text,
  ttft_ms usage_ms,
  total_ms usage_ms,
  price_id text,
  cost_nano_usd numeric(20, 0),
  -- In the order in which rows are read page by page.
  primary key (opened_at, id),
  check (
    id like 'req\_%' and attempts > 0 and cost_nano_usd >= 0
    -- What a row is closed with comes together.
    and num_nulls(closed_at, ended, status) in (0, 3) and (closed_at is null or cost_nano_usd is not null)
    -- Between two machines an open row has none, so that it holds up neither.
    and (ended is distinct from 'complete' or num_nulls(machine_id, tier, band) = 0)
  )
) partition by range (opened_at);

-- Both what a machine is waited for and what a dead replica left.
create index usage_open on usage (machine_id) where closed_at is null;
create index usage_account on usage (account_id, opened_at desc);

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
