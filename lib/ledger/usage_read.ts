/** Usage rows as people read them: page by page, newest first. Never writes. */
import { type Instant, instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import type { Band } from "@/lib/kernel/fleet_file.ts";
import type { NanoUsd } from "@/lib/kernel/money.ts";
import type { TokensFrom, UsageEnd } from "./usage_store.ts";

/** What one request consumed. While it is open, the counts are those of its last checkpoint. */
export type UsageRow = {
  readonly id: string;
  /** The `x-request-id` the client saw. */
  readonly requestId: string;
  readonly openedAt: Instant;
  readonly accountId: string;
  readonly keyId: string;
  readonly replicaId: string;
  readonly route: string;
  readonly modelAsked: string;
  readonly model: string;
  /** Null, like band and machine, when it was refused. */
  readonly tier: string | null;
  readonly band: Band | null;
  readonly machineId: string | null;
  readonly wakeId: string | null;
  readonly stream: boolean;
  readonly attempts: number;
  readonly admitMs: number;
  readonly waitMs: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens: number;
  readonly tokensFrom: TokensFrom;
  readonly checkpointAt: Instant | null;
  readonly ttftMs: number | null;
  readonly totalMs: number | null;
  readonly finishReason: string | null;
  readonly errorCode: string | null;
  readonly priceId: string | null;
  /** Null while it runs. */
  readonly closed: {
    readonly at: Instant;
    readonly status: number;
    readonly ended: UsageEnd;
    readonly costNanoUsd: NanoUsd;
  } | null;
};

/** Which rows. All that are given must hold. */
export type UsageFilter = {
  accountId?: string;
  keyId?: string;
  model?: string;
  tier?: string;
  /** Opened at `since` or later. */
  since?: Instant;
  /** Opened before `until`. */
  until?: Instant;
  state?: "open" | "closed";
};

/** One page, newest first. `next` is the cursor of the page after it; null at the end. */
export type UsagePage = { readonly rows: readonly UsageRow[]; readonly next: string | null };

export const USAGE_PAGE_MAX = 1_000;
const CURSOR = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z)~(req_[\w-]{1,64})$/;

/**
 * One page of rows. `limit` 1 to 1,000; `after` is the `next` of the page before, and stays good while rows are
 * added. Throws AppError `invalid_request` for a limit or cursor that cannot be.
 */
export async function listUsage(
  sql: Sql,
  filter: UsageFilter,
  page: { limit: number; after?: string | null },
): Promise<UsagePage> {
  const { limit } = page;
  if (!Number.isInteger(limit) || limit < 1 || limit > USAGE_PAGE_MAX) {
    throw new AppError(
      "invalid_request",
      `Cannot list ${limit} rows: ask for 1 to ${USAGE_PAGE_MAX}`,
    );
  }
  const cursor = cursorOf(page.after ?? null);
  // The cursor goes as text: a Date would lose its microseconds.
  const after = cursor === null
    ? sql``
    : sql`and (opened_at, id) < (${cursor.openedAt}::text::timestamptz, ${cursor.id})`;
  const rows = await sql<UsageRecord[]>`
    select ${sql(USAGE_COLUMNS)},
      to_char(opened_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as opened_at_exact
    from usage
    where ${usageWhere(sql, filter)} ${after}
    order by opened_at desc, id desc
    limit ${limit + 1}`;
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const more = rows.length > limit && last !== undefined;
  return {
    rows: shown.map(usageOfRecord),
    next: more ? `${last.opened_at_exact}~${last.id}` : null,
  };
}

/** The filter as a condition, for a `where` over `usage`. */
export function usageWhere(sql: Sql, filter: UsageFilter) {
  const { accountId, keyId, model, tier, since, until, state } = filter;
  return sql`true
    ${accountId === undefined ? sql`` : sql`and account_id = ${accountId}`}
    ${keyId === undefined ? sql`` : sql`and key_id = ${keyId}`}
    ${model === undefined ? sql`` : sql`and model = ${model}`}
    ${tier === undefined ? sql`` : sql`and tier = ${tier}`}
    ${since === undefined ? sql`` : sql`and opened_at >= ${new Date(since)}`}
    ${until === undefined ? sql`` : sql`and opened_at < ${new Date(until)}`}
    ${
    state === undefined
      ? sql``
      : state === "open"
      ? sql`and closed_at is null`
      : sql`and closed_at is not null`
  }`;
}

function cursorOf(text: string | null): { openedAt: string; id: string } | null {
  if (text === null) return null;
  const [, openedAt, id] = CURSOR.exec(text) ?? [];
  if (openedAt === undefined || id === undefined || Number.isNaN(Date.parse(openedAt))) {
    throw new AppError(
      "invalid_request",
      `Cannot read the cursor: send the "next" of the page before`,
    );
  }
  return { openedAt, id };
}

type UsageRecord = {
  id: string;
  request_id: string;
  opened_at: Date;
  opened_at_exact: string;
  account_id: string;
  key_id: string;
  replica_id: string;
  route: string;
  model_asked: string;
  model: string;
  tier: string | null;
  band: Band | null;
  machine_id: string | null;
  wake_id: string | null;
  stream: boolean;
  attempts: number;
  admit_ms: number;
  wait_ms: number;
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
  tokens_from: TokensFrom;
  checkpoint_at: Date | null;
  closed_at: Date | null;
  status: number | null;
  ended: UsageEnd | null;
  finish_reason: string | null;
  error_code: string | null;
  ttft_ms: number | null;
  total_ms: number | null;
  price_id: string | null;
  cost_nano_usd: string | null;
};

const USAGE_COLUMNS: readonly (keyof UsageRecord)[] = [
  "id",
  "request_id",
  "opened_at",
  "account_id",
  "key_id",
  "replica_id",
  "route",
  "model_asked",
  "model",
  "tier",
  "band",
  "machine_id",
  "wake_id",
  "stream",
  "attempts",
  "admit_ms",
  "wait_ms",
  "prompt_tokens",
  "completion_tokens",
  "cached_tokens",
  "tokens_from",
  "checkpoint_at",
  "closed_at",
  "status",
  "ended",
  "finish_reason",
  "error_code",
  "ttft_ms",
  "total_ms",
  "price_id",
  "cost_nano_usd",
];

function usageOfRecord(row: UsageRecord): UsageRow {
  return {
    id: row.id,
    requestId: row.request_id,
    openedAt: instant(row.opened_at.getTime()),
    accountId: row.account_id,
    keyId: row.key_id,
    replicaId: row.replica_id,
    route: row.route,
    modelAsked: row.model_asked,
    model: row.model,
    tier: row.tier,
    band: row.band,
    machineId: row.machine_id,
    wakeId: row.wake_id,
    stream: row.stream,
    attempts: row.attempts,
    admitMs: row.admit_ms,
    waitMs: row.wait_ms,
    promptTokens: row.prompt_tokens,
    completionTokens: row.completion_tokens,
    cachedTokens: row.cached_tokens,
    tokensFrom: row.tokens_from,
    checkpointAt: row.checkpoint_at === null ? null : instant(row.checkpoint_at.getTime()),
    ttftMs: row.ttft_ms,
    totalMs: row.total_ms,
    finishReason: row.finish_reason,
    errorCode: row.error_code,
    priceId: row.price_id,
    closed: closedOf(row),
  };
}

/** The CHECKs of the table tie these columns together. */
function closedOf(row: UsageRecord): UsageRow["closed"] {
  const { closed_at: at, status, ended, cost_nano_usd: cost } = row;
  if (at === null || status === null || ended === null || cost === null) return null;
  return { at: instant(at.getTime()), status, ended, costNanoUsd: BigInt(cost) };
}
