/** For tests only: machines, and usage rows on their way. */
import { instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { UsageClosed, UsagePlacement, UsageRequest } from "./usage_store.ts";
import { writeRows } from "./usage_write.ts";

const OPENED_AT = instant(Date.UTC(2026, 10, 21, 10));
export const CLOSED_AT = instant(OPENED_AT + 35);

/** A request about to run on `mac_a`. */
export function opening(
  id: string,
  over: Partial<UsageRequest & UsagePlacement> = {},
): UsageRequest & UsagePlacement {
  return {
    id,
    openedAt: OPENED_AT,
    requestId: `asked-${id}`,
    accountId: "acc_1",
    keyId: "key_1",
    replicaId: "rep_1",
    route: "/v1/chat/completions",
    modelAsked: "m",
    stream: true,
    admitMs: 0.6,
    model: "m",
    tier: "t",
    band: "spot",
    machineId: "mac_a",
    wakeId: null,
    waitMs: 0,
    attempts: 1,
    priceId: null,
    ...over,
  };
}

/** Its good end. */
export function closing(id: string): UsageClosed {
  return {
    id,
    openedAt: OPENED_AT,
    closedAt: CLOSED_AT,
    promptTokens: 10,
    completionTokens: 20,
    cachedTokens: 4,
    tokensFrom: "engine",
    status: 200,
    ended: "complete",
    finishReason: "stop",
    errorCode: null,
    ttftMs: 12.4,
    totalMs: 34.5,
    costNanoUsd: 123_456_789_012n,
  };
}

/** Opens rows and nothing else; answers per row whether it stands. */
export async function openRows(
  sql: Sql,
  opens: readonly (UsageRequest & UsagePlacement)[],
): Promise<boolean[]> {
  return (await writeRows(sql, { opens, closes: [] })).opened;
}

/** Closes rows and nothing else; answers per row whether this call closed it. */
export async function closeRows(sql: Sql, closes: readonly UsageClosed[]): Promise<boolean[]> {
  return (await writeRows(sql, { opens: [], closes })).closed;
}

let slot = 0;

export async function insertMachine(sql: Sql, id: string, place: string): Promise<void> {
  await sql`
    insert into machines (id, tier, slot, provider, base_url, place)
    values (${id}, 't', ${slot++}, 'static', 'http://engine.test', ${place})`;
}

export type UsageRowText = {
  machine_id: string | null;
  attempts: number;
  admit_ms: number;
  wait_ms: number;
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
  tokens_from: string;
  checkpoint_at: Date | null;
  closed_at: Date | null;
  status: number | null;
  ended: string | null;
  finish_reason: string | null;
  error_code: string | null;
  ttft_ms: number | null;
  total_ms: number | null;
  cost_nano_usd: string | null;
};

/** The one row of that id. Throws when there is none. */
export async function readRow(sql: Sql, id: string): Promise<UsageRowText> {
  const rows = await sql<UsageRowText[]>`
    select
      machine_id, attempts, admit_ms, wait_ms, prompt_tokens, completion_tokens, cached_tokens, tokens_from,
      checkpoint_at, closed_at, status, ended, finish_reason, error_code, ttft_ms, total_ms, cost_nano_usd
    from usage where id = ${id}`;
  const [row] = rows;
  if (row === undefined || rows.length > 1) throw new Error(`${rows.length} rows of ${id}`);
  return row;
}
