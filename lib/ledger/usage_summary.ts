/** Usage rows summed by model, tier and hour. Never writes. */
import { type Instant, instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { NanoUsd } from "@/lib/kernel/money.ts";
import { type UsageFilter, usageWhere } from "./usage_read.ts";

export const SUMMARY_DIMENSIONS = ["model", "tier", "hour"] as const;
export type SummaryDimension = (typeof SUMMARY_DIMENSIONS)[number];

/** What one group of requests came to. A dimension that was not asked for is null; so is the tier of a refused one. */
export type UsageSum = {
  readonly model: string | null;
  readonly tier: string | null;
  /** The UTC hour's first instant. */
  readonly hour: Instant | null;
  readonly requests: number;
  /** Of them: still running, and never let onto a machine. */
  readonly open: number;
  readonly refused: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens: number;
  /** Of the closed ones, exact. */
  readonly costNanoUsd: NanoUsd;
};

export const SUMMARY_GROUPS_MAX = 10_000;

/** Sums the rows by the dimensions, newest hour first; at most 10,000 groups, and `complete` says whether that was all. */
export async function summariseUsage(
  sql: Sql,
  filter: UsageFilter,
  by: readonly SummaryDimension[],
): Promise<{ sums: readonly UsageSum[]; complete: boolean }> {
  // A constant is one group, so that every answer has the same columns.
  const model = by.includes("model") ? sql`model` : sql`null::text`;
  const tier = by.includes("tier") ? sql`tier` : sql`null::text`;
  const hour = by.includes("hour")
    ? sql`date_trunc('hour', opened_at, 'UTC')`
    : sql`null::timestamptz`;
  const rows = await sql<SumRecord[]>`
    select
      ${model} as model, ${tier} as tier, ${hour} as hour,
      count(*) as requests,
      count(*) filter (where closed_at is null) as open,
      count(*) filter (where ended = 'refused') as refused,
      sum(prompt_tokens)::bigint as prompt_tokens,
      sum(completion_tokens)::bigint as completion_tokens,
      sum(cached_tokens)::bigint as cached_tokens,
      coalesce(sum(cost_nano_usd), 0) as cost_nano_usd
    from usage
    where ${usageWhere(sql, filter)}
    group by 1, 2, 3
    order by 3 desc nulls last, 1 nulls last, 2 nulls last
    limit ${SUMMARY_GROUPS_MAX + 1}`;
  return {
    sums: rows.slice(0, SUMMARY_GROUPS_MAX).map(sumOfRecord),
    complete: rows.length <= SUMMARY_GROUPS_MAX,
  };
}

type SumRecord = {
  model: string | null;
  tier: string | null;
  hour: Date | null;
  requests: number;
  open: number;
  refused: number;
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
  cost_nano_usd: string;
};

function sumOfRecord(row: SumRecord): UsageSum {
  return {
    model: row.model,
    tier: row.tier,
    hour: row.hour === null ? null : instant(row.hour.getTime()),
    requests: row.requests,
    open: row.open,
    refused: row.refused,
    promptTokens: row.prompt_tokens,
    completionTokens: row.completion_tokens,
    cachedTokens: row.cached_tokens,
    costNanoUsd: BigInt(row.cost_nano_usd),
  };
}
