/** `usage`: what requests consumed, row by row and summed. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Instant } from "@/lib/kernel/clock.ts";
import { formatUsd } from "@/lib/kernel/money.ts";
import {
  listUsage,
  USAGE_PAGE_MAX,
  type UsageFilter,
  type UsageRow,
} from "@/lib/ledger/usage_read.ts";
import {
  summariseUsage,
  SUMMARY_DIMENSIONS,
  type SummaryDimension,
  type UsageSum,
} from "@/lib/ledger/usage_summary.ts";
import { parseCount, parseList, parseTime } from "./arguments.ts";
import { withDatabase } from "./connect.ts";
import {
  type CliIo,
  type Column,
  document,
  type Format,
  type Json,
  table,
  utc,
  utcExact,
  withOutput,
} from "./output.ts";

type FilterOptions = {
  since: Instant;
  until?: Instant;
  model?: string;
  tier?: string;
  key?: string;
  account?: string;
  open?: boolean;
  output: Format;
};

export function addUsage(program: Command, io: CliIo): void {
  const usage = program.command("usage").description("what requests consumed");

  withFilter(usage.command("list"), io)
    .description("list usage rows, newest first")
    .option("--open", "only requests that run now")
    .option("--limit <count>", "at most this many rows", parseCount(1, USAGE_PAGE_MAX), 50)
    .option("--after <cursor>", 'the "next" of the page before')
    .action((options: FilterOptions & { limit: number; after?: string }) => list(io, options));

  withFilter(usage.command("summary"), io)
    .description("sum usage rows; the cost is that of closed ones, exact")
    .option(
      "--by <dimensions>",
      `any of ${SUMMARY_DIMENSIONS.join(",")}`,
      parseDimensions,
      ["model", "tier"],
    )
    .action((options: FilterOptions & { by: SummaryDimension[] }) => summary(io, options));
}

function withFilter(command: Command, io: CliIo): Command {
  const time = (text: string) => parseTime(text, io.clock.now());
  const day = parseTime("24h", io.clock.now());
  return withOutput(command)
    .addOption(
      new Option("--since <time>", "opened at or after: 24h, 2026-11-21, 2026-11-21T01:00Z")
        .argParser(time).default(day, "24h"),
    )
    .option("--until <time>", "opened before", time)
    .option("--model <id>", "served by this catalogue model")
    .option("--tier <name>", "on a machine of this tier")
    .option("--key <id>", "of this API key")
    .option("--account <id>", "of this account");
}

function filterOf(options: FilterOptions): UsageFilter {
  const { since, until, model, tier, key, account, open } = options;
  return {
    since,
    ...(until === undefined ? {} : { until }),
    ...(model === undefined ? {} : { model }),
    ...(tier === undefined ? {} : { tier }),
    ...(key === undefined ? {} : { keyId: key }),
    ...(account === undefined ? {} : { accountId: account }),
    ...(open === true ? { state: "open" } : {}),
  };
}

async function list(
  io: CliIo,
  options: FilterOptions & { limit: number; after?: string },
): Promise<void> {
  const { limit, after = null } = options;
  const page = await withDatabase(
    io,
    {},
    (sql) => listUsage(sql, filterOf(options), { limit, after }),
  );
  if (options.output === "json") {
    return io.out(document({ rows: page.rows.map(usageJson), next: page.next }));
  }
  io.out(table(page.rows, ROW_COLUMNS));
  if (page.next !== null) io.err(`\nThere are more: --after '${page.next}'\n`);
}

async function summary(io: CliIo, options: FilterOptions & { by: SummaryDimension[] }) {
  const { by } = options;
  const { sums, complete } = await withDatabase(
    io,
    {},
    (sql) => summariseUsage(sql, filterOf(options), by),
  );
  if (options.output === "json") {
    return io.out(document({
      since: utcExact(options.since),
      until: utcExact(options.until ?? io.clock.now()),
      by,
      sums: sums.map(sumJson),
      complete,
    }));
  }
  const shown = DIMENSION_COLUMNS.filter(({ header }) => by.some((each) => each === header));
  io.out(table(sums, [...shown, ...SUM_COLUMNS]));
  if (!complete) {
    io.err("\nThere are more groups than can be shown: narrow --since, or use fewer --by\n");
  }
}

const ROW_COLUMNS: Column<UsageRow>[] = [
  { header: "opened", unit: "UTC", cell: (row) => utc(row.openedAt) },
  { header: "id", cell: (row) => row.id },
  { header: "key", cell: (row) => row.keyId },
  { header: "model", cell: (row) => row.model },
  { header: "tier", cell: (row) => row.tier },
  { header: "ended", cell: (row) => row.closed?.ended ?? "open" },
  { header: "status", right: true, cell: (row) => row.closed?.status ?? null },
  { header: "prompt", unit: "tok", right: true, cell: (row) => row.promptTokens },
  { header: "completion", unit: "tok", right: true, cell: (row) => row.completionTokens },
  { header: "wait", unit: "ms", right: true, cell: (row) => row.waitMs },
  { header: "first token", unit: "ms", right: true, cell: (row) => row.ttftMs },
  { header: "total", unit: "ms", right: true, cell: (row) => row.totalMs },
  {
    header: "cost",
    unit: "USD",
    right: true,
    cell: (row) => row.closed === null ? null : formatUsd(row.closed.costNanoUsd),
  },
];

const DIMENSION_COLUMNS: Column<UsageSum>[] = [
  { header: "hour", unit: "UTC", cell: (sum) => utc(sum.hour) },
  { header: "model", cell: (sum) => sum.model },
  { header: "tier", cell: (sum) => sum.tier },
];

const SUM_COLUMNS: Column<UsageSum>[] = [
  { header: "requests", right: true, cell: (sum) => sum.requests },
  { header: "open", right: true, cell: (sum) => sum.open },
  { header: "refused", right: true, cell: (sum) => sum.refused },
  { header: "prompt", unit: "tok", right: true, cell: (sum) => sum.promptTokens },
  { header: "completion", unit: "tok", right: true, cell: (sum) => sum.completionTokens },
  { header: "cached", unit: "tok", right: true, cell: (sum) => sum.cachedTokens },
  { header: "cost", unit: "USD", right: true, cell: (sum) => formatUsd(sum.costNanoUsd) },
];

function usageJson(row: UsageRow): Json {
  return {
    id: row.id,
    request_id: row.requestId,
    opened_at: utcExact(row.openedAt),
    account_id: row.accountId,
    key_id: row.keyId,
    replica_id: row.replicaId,
    route: row.route,
    model_asked: row.modelAsked,
    model: row.model,
    tier: row.tier,
    band: row.band,
    machine_id: row.machineId,
    wake_id: row.wakeId,
    stream: row.stream,
    attempts: row.attempts,
    admit_ms: row.admitMs,
    wait_ms: row.waitMs,
    ttft_ms: row.ttftMs,
    total_ms: row.totalMs,
    prompt_tokens: row.promptTokens,
    completion_tokens: row.completionTokens,
    cached_tokens: row.cachedTokens,
    tokens_from: row.tokensFrom,
    checkpoint_at: utcExact(row.checkpointAt),
    closed_at: utcExact(row.closed?.at ?? null),
    status: row.closed?.status ?? null,
    ended: row.closed?.ended ?? null,
    finish_reason: row.finishReason,
    error_code: row.errorCode,
    price_id: row.priceId,
    ...costJson(row.closed?.costNanoUsd ?? null),
  };
}

function sumJson(sum: UsageSum): Json {
  return {
    model: sum.model,
    tier: sum.tier,
    hour: utcExact(sum.hour),
    requests: sum.requests,
    open: sum.open,
    refused: sum.refused,
    prompt_tokens: sum.promptTokens,
    completion_tokens: sum.completionTokens,
    cached_tokens: sum.cachedTokens,
    ...costJson(sum.costNanoUsd),
  };
}

/** As text: both are exact, and neither fits a JSON number for sure. */
function costJson(costNanoUsd: bigint | null) {
  return {
    cost_usd: costNanoUsd === null ? null : formatUsd(costNanoUsd),
    cost_nano_usd: costNanoUsd === null ? null : costNanoUsd.toString(),
  };
}

function parseDimensions(text: string): SummaryDimension[] {
  return parseList(text).map((name) => {
    const dimension = SUMMARY_DIMENSIONS.find((each) => each === name);
    if (dimension !== undefined) return dimension;
    throw new InvalidArgumentError(`Choose from ${SUMMARY_DIMENSIONS.join(", ")}.`);
  });
}
