/** Accounts and their API keys in PostgreSQL. A secret is returned once, when it is made; only its SHA-256 stays. */
import { z } from "zod";
import { type Instant, instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import { newId, newSecret, sha256Hex } from "@/lib/kernel/ids.ts";
import type { ApiKey } from "./api_key.ts";
import { type Doer, writeAudit } from "./audit.ts";

export type NewKey = {
  accountId: string;
  name: string;
  /** Null: every model. */
  models: readonly string[] | null;
  requestsPerMinute: number | null;
  tokensPerMinute: number | null;
  expiresAt: Instant | null;
};

export type Account = { readonly id: string; readonly name: string; readonly createdAt: Instant };

/** How much of a secret is shown: enough to tell keys apart. One of ours has 43 random characters; less is shown of others. */
const SHOWN_CHARS = 16;
const SHOWN_CHARS_FOREIGN = 8;
const OURS = /^sk-ember-[\w-]{43}$/;
const LISTED_MAX = 1_000;
const INT4_MAX = 2_147_483_647;

const accountName = z.string().min(1).max(100).regex(/^\S(.*\S)?$/);
const newKey = z.object({
  name: z.string().trim().min(1).max(100),
  models: z.array(z.string().min(1).max(128)).min(1).max(1_000).nullable(),
  requestsPerMinute: z.int().min(1).max(INT4_MAX).nullable(),
  tokensPerMinute: z.int().min(1).nullable(),
});

type KeyRow = {
  id: string;
  account_id: string;
  name: string;
  shown_prefix: string;
  models: string[] | null;
  requests_per_minute: number | null;
  tokens_per_minute: number | null;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
};
const KEY_COLUMNS: readonly (keyof KeyRow)[] = [
  "id",
  "account_id",
  "name",
  "shown_prefix",
  "models",
  "requests_per_minute",
  "tokens_per_minute",
  "created_at",
  "expires_at",
  "revoked_at",
];
type AccountRow = { id: string; name: string; created_at: Date };

/**
 * Makes a key and its audit row. The secret cannot be had again. Throws AppError `invalid_request` for a field that
 * cannot be, `not_found` for an unknown account.
 */
export async function createKey(
  sql: Sql,
  wanted: NewKey,
  doer: Doer,
): Promise<{ key: ApiKey; secret: string }> {
  const secret = newSecret();
  return { key: await insertKey(sql, wanted, secret, doer), secret };
}

/**
 * The key with this very secret, made if there is none (DEMO_KEY). One that exists is left as it is, revoked or
 * not. Safe with several replicas at once.
 */
export async function ensureKey(
  sql: Sql,
  wanted: NewKey,
  secret: string,
  doer: Doer,
): Promise<ApiKey> {
  const hash = sha256Hex(secret);
  const known = await findKeyByHash(sql, hash);
  if (known !== null) return known;
  try {
    return await insertKey(sql, wanted, secret, doer);
  } catch (error) {
    const winner = await findKeyByHash(sql, hash);
    if (winner !== null) return winner; // another replica was first
    throw error;
  }
}

/** The key of a secret's SHA-256, expired and revoked ones included; null when there is none. */
export async function findKeyByHash(sql: Sql, secretSha256: string): Promise<ApiKey | null> {
  const [row] = await sql<KeyRow[]>`
    select ${sql(KEY_COLUMNS)} from api_keys where secret_sha256 = ${secretSha256}`;
  return row === undefined ? null : keyOf(row);
}

/** The newest keys, revoked and expired ones included; at most 1,000. */
export async function listKeys(
  sql: Sql,
  filter: { accountId?: string } = {},
): Promise<ApiKey[]> {
  const account = filter.accountId ?? null;
  const rows = await sql<KeyRow[]>`
    select ${sql(KEY_COLUMNS)} from api_keys
    where ${account}::text is null or account_id = ${account}
    order by created_at desc, id desc
    limit ${LISTED_MAX}`;
  return rows.map(keyOf);
}

/** The keys whose id or shown prefix starts with `text`; for people who type. At most 10. */
export async function matchKeys(sql: Sql, text: string): Promise<ApiKey[]> {
  const rows = await sql<KeyRow[]>`
    select ${sql(KEY_COLUMNS)} from api_keys
    where starts_with(id, ${text}) or starts_with(shown_prefix, ${text})
    order by created_at desc, id desc
    limit 10`;
  return rows.map(keyOf);
}

/**
 * Revokes a key for good and writes the audit row; replicas refuse it as soon as they hear of it. One that was
 * revoked before stays as it was. Throws AppError `not_found`.
 */
export async function revokeKey(sql: Sql, keyId: string, doer: Doer): Promise<ApiKey> {
  return await sql.begin(async (tx) => {
    const [row] = await tx<KeyRow[]>`
      update api_keys set revoked_at = now()
      where id = ${keyId} and revoked_at is null
      returning ${tx(KEY_COLUMNS)}`;
    if (row !== undefined) {
      await writeAudit(tx, doer, "api_key.revoke", keyId, { account_id: row.account_id });
      return keyOf(row);
    }
    const [already] = await tx<KeyRow[]>`
      select ${tx(KEY_COLUMNS)} from api_keys where id = ${keyId}`;
    if (already !== undefined) return keyOf(already);
    throw new AppError("not_found", `Cannot revoke API key "${keyId}": there is none with this id`);
  });
}

/** The newest accounts; at most 1,000. */
export async function listAccounts(sql: Sql): Promise<Account[]> {
  const rows = await sql<AccountRow[]>`
    select id, name, created_at from accounts order by created_at desc, id desc limit ${LISTED_MAX}`;
  return rows.map(accountOf);
}

/** The account of this name, made if there is none; names of accounts made here are unique. Throws `invalid_request`. */
export async function ensureAccount(sql: Sql, name: string, doer: Doer): Promise<Account> {
  if (!accountName.safeParse(name).success) {
    throw new AppError(
      "invalid_request",
      `Cannot make account "${name}": write a name of 1 to 100 characters`,
    );
  }
  return await sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtextextended('ensure_account', 0))`;
    const [known] = await tx<AccountRow[]>`
      select id, name, created_at from accounts where name = ${name} order by created_at, id limit 1`;
    if (known !== undefined) return accountOf(known);
    const [made] = await tx<AccountRow[]>`
      insert into accounts (id, name) values (${newId("acc", doer.now)}, ${name})
      returning id, name, created_at`;
    if (made === undefined) throw new Error("insert into accounts returned no row");
    await writeAudit(tx, doer, "account.create", made.id, { name });
    return accountOf(made);
  });
}

async function insertKey(
  sql: Sql,
  wanted: NewKey,
  secret: string,
  doer: Doer,
): Promise<ApiKey> {
  const parsed = newKey.safeParse(wanted);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new AppError(
      "invalid_request",
      `Cannot create the API key: ${issue?.path.join(".")}: ${issue?.message}`,
    );
  }
  const { name, models, requestsPerMinute, tokensPerMinute } = parsed.data;
  const { accountId, expiresAt } = wanted;
  return await sql.begin(async (tx) => {
    const [account] = await tx`select 1 from accounts where id = ${accountId} for key share`;
    if (account === undefined) {
      throw new AppError("not_found", `Cannot create the API key: no account "${accountId}"`);
    }
    const [row] = await tx<KeyRow[]>`
      insert into api_keys (
        id, account_id, name, secret_sha256, shown_prefix, models,
        requests_per_minute, tokens_per_minute, expires_at
      ) values (
        ${newId("key", doer.now)}, ${accountId}, ${name}, ${sha256Hex(secret)},
        ${shownPrefix(secret)}, ${models}, ${requestsPerMinute}, ${tokensPerMinute},
        ${expiresAt === null ? null : new Date(expiresAt)}
      )
      returning ${tx(KEY_COLUMNS)}`;
    if (row === undefined) throw new Error("insert into api_keys returned no row");
    await writeAudit(tx, doer, "api_key.create", row.id, {
      account_id: accountId,
      name,
      models,
      requests_per_minute: requestsPerMinute,
      tokens_per_minute: tokensPerMinute,
      expires_at: row.expires_at?.toISOString() ?? null,
    });
    return keyOf(row);
  });
}

/** What of a secret may be shown. */
export function shownPrefix(secret: string): string {
  return secret.slice(0, OURS.test(secret) ? SHOWN_CHARS : SHOWN_CHARS_FOREIGN);
}

function keyOf(row: KeyRow): ApiKey {
  return {
    id: row.id,
    accountId: row.account_id,
    name: row.name,
    shownPrefix: row.shown_prefix,
    models: row.models,
    requestsPerMinute: row.requests_per_minute,
    tokensPerMinute: row.tokens_per_minute,
    createdAt: instant(row.created_at.getTime()),
    expiresAt: row.expires_at === null ? null : instant(row.expires_at.getTime()),
    revokedAt: row.revoked_at === null ? null : instant(row.revoked_at.getTime()),
  };
}

function accountOf(row: AccountRow): Account {
  return { id: row.id, name: row.name, createdAt: instant(row.created_at.getTime()) };
}
