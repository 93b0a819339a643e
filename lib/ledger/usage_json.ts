/** Usage rows as they travel to Postgres: one JSON parameter per statement, named as the columns are. */
import type { Instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { UsageCounts, UsageKey, UsagePlacement, UsageRequest } from "./usage_store.ts";

/** The type `json`; sql.json() says `jsonb`. */
const JSON_OID = 114;

/** Rows as one parameter of type `json`, which costs less to take apart than `jsonb`. */
export function json(sql: Sql, rows: readonly object[]) {
  return sql.typed(rows, JSON_OID);
}

export function keyJson(key: UsageKey) {
  return { id: key.id, opened_at: iso(key.openedAt) };
}

export function requestJson(row: UsageRequest) {
  return {
    ...keyJson(row),
    request_id: row.requestId,
    account_id: row.accountId,
    key_id: row.keyId,
    replica_id: row.replicaId,
    route: row.route,
    model_asked: row.modelAsked,
    stream: row.stream,
    admit_ms: Math.round(row.admitMs),
  };
}

export function openJson(row: UsageRequest & UsagePlacement) {
  return {
    ...requestJson(row),
    model: row.model,
    tier: row.tier,
    band: row.band,
    machine_id: row.machineId,
    wake_id: row.wakeId,
    attempts: row.attempts,
    wait_ms: Math.round(row.waitMs),
    price_id: row.priceId,
  };
}

export function countsJson(row: UsageCounts) {
  return {
    prompt_tokens: row.promptTokens,
    completion_tokens: row.completionTokens,
    cached_tokens: row.cachedTokens,
    tokens_from: row.tokensFrom,
  };
}

/** An instant as PostgreSQL reads it. */
export function iso(at: Instant): string {
  return new Date(at).toISOString();
}
