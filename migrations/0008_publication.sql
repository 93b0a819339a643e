-- What a stranger needs to work the figures out again: the facts behind the money, days sealed one upon the other, and
-- copies of both to take away. And what the provider says for itself, set beside it.

-- Text, hashed; said to be immutable, which sha256 and UTF-8 are, so that a column may be made of it.
create function sha256_hex(content text) returns text language sql immutable strict as $$
  select encode(sha256(convert_to(content, 'UTF8')), 'hex')
$$;

-- A field of CSV (RFC 4180): nothing is empty, and an empty text is `""`.
create function csv_field(content text) returns text language sql immutable as $$
  select case
    when content is null then ''
    when content = '' or content ~ '[",\r\n]' then '"' || replace(content, '"', '""') || '"'
    else content
  end
$$;

-- The raw answer is not published (the account may hold machines of others); its hash is.
alter table billing_snapshots
  add column raw_sha256 text generated always as (sha256_hex(raw::text)) stored;

-- What a billed machine did in the minutes that a snapshot pays for, as it was known right then. Moves and usage rows
-- may be written later; the money of a minute is told apart by these, for good.
create table billed_machines (
  provider text not null,
  minute timestamptz not null,
  machine_id text not null,
  -- Its place at the minute's end; null when the journal has no move of it.
  place text,
  -- Whether a request ran on it since the snapshot before.
  busy boolean not null,
  primary key (provider, minute, machine_id),
  foreign key (provider, minute) references billing_snapshots (provider, minute)
);

create index billed_machines_time on billed_machines (minute);

create trigger billed_machines_append_only
before update or delete or truncate on billed_machines
for each statement execute function refuse_rewrite();

-- Whole UTC days that are over, each sealed with the digest of the one before: none can be left out, put in or changed
-- without all later ones changing.
create table ledger_days (
  day date primary key,
  -- Null for the first one only.
  previous_day date,
  previous_digest text not null check (previous_digest ~ '^[0-9a-f]{64}$'),
  -- For each kind of row its name, how many lines, and the SHA-256 of them: `snapshots 1440 9f2c…; readings …`.
  contents text not null,
  digest text not null check (
    digest = sha256_hex(previous_digest || E'\n' || to_char(day, 'YYYY-MM-DD') || E'\n' || contents || E'\n')
  ),
  sealed_at timestamptz not null,
  unique (day, digest),
  foreign key (previous_day, previous_digest) references ledger_days (day, digest),
  check (previous_day = day - 1),
  check (previous_day is not null or previous_digest = repeat('0', 64))
);

create unique index ledger_days_first on ledger_days ((true)) where previous_day is null;

create trigger ledger_days_append_only
before update or delete or truncate on ledger_days
for each statement execute function refuse_rewrite();

-- Copies of the inputs of one range, taken from one snapshot of the database; kept for a while, then made anew.
create table publications (
  id text primary key check (id like 'pub\_%'),
  -- `24h`, `7d`, `30d`, or the two days of a range.
  name text not null,
  window_from timestamptz not null,
  window_to timestamptz not null check (window_to > window_from),
  made_at timestamptz not null,
  -- The manifest, once all files are whole.
  manifest jsonb
);

create index publications_name on publications (name, made_at desc) where manifest is not null;

-- The files, gzipped and cut into parts.
create table publication_parts (
  publication_id text not null references publications (id) on delete cascade,
  file text not null,
  part integer not null check (part >= 0),
  content bytea not null,
  primary key (publication_id, file, part)
);

-- A whole UTC day of a provider by our snapshots and by its own history: of the account, and of each of our machines.
create table reconciliations (
  provider text not null,
  day date not null,
  -- Empty for the account as a whole.
  resource_id text not null,
  machine_id text,
  ours_nano_usd numeric(24, 0) not null,
  -- Null where the provider did not say.
  theirs_nano_usd numeric(24, 0),
  -- Minutes whose money was not for storage, and those the provider says it was active; null for the account.
  ours_minutes numeric(12, 3),
  theirs_minutes numeric(12, 3),
  -- Minutes of the day without a snapshot: what was billed in them shows in the next one.
  missing_minutes integer not null check (missing_minutes >= 0),
  made_at timestamptz not null,
  primary key (provider, day, resource_id),
  check ((resource_id = '') = (machine_id is null))
);

create trigger reconciliations_append_only
before update or delete or truncate on reconciliations
for each statement execute function refuse_rewrite();
