-- Who may call: accounts and their API keys. A key is known only by its SHA-256.

create table accounts (
  id text primary key check (id like 'acc\_%'),
  name text not null check (length(name) between 1 and 100),
  created_at timestamptz not null default now()
);

create table api_keys (
  id text primary key check (id like 'key\_%'),
  account_id text not null references accounts (id),
  name text not null check (length(name) between 1 and 100),
  secret_sha256 text not null unique check (secret_sha256 ~ '^[0-9a-f]{64}$'),
  -- The first characters of the secret, enough for a person to tell two keys apart.
  shown_prefix text not null check (length(shown_prefix) between 8 and 16),
  -- Null: every model.
  models text[] check (models is null or cardinality(models) > 0),
  -- Null: no limit.
  requests_per_minute integer check (requests_per_minute > 0),
  tokens_per_minute bigint check (tokens_per_minute > 0),
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz
);

create index api_keys_account on api_keys (account_id);

create table audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  action text not null,
  subject text not null,
  detail jsonb not null default '{}'
);

-- Append-only tables refuse to be rewritten, whoever asks.
create function refuse_rewrite() returns trigger language plpgsql as $$
begin
  raise exception 'table % is append-only: % refused', tg_table_name, tg_op using errcode = 'restrict_violation';
end
$$;

create trigger audit_log_append_only
before update or delete or truncate on audit_log
for each statement execute function refuse_rewrite();

-- Every replica empties its key cache when a key changes.
create function tell_api_keys() returns trigger language plpgsql as $$
begin
  perform pg_notify('api_keys', coalesce(new.id, old.id));
  return null;
end
$$;

create trigger api_keys_changed
after insert or update or delete on api_keys
for each row execute function tell_api_keys();
