/** `billing`: when each provider's bill was last read, what today costs, whether more may be rented, and how days compare. */
import type { Command } from "commander";
import { type Instant, instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { FleetFile } from "@/lib/kernel/fleet_file.ts";
import { formatUsd, type NanoUsd } from "@/lib/kernel/money.ts";
import { type Gate, type GateLimits, gateOf } from "@/lib/ledger/budget_gate.ts";
import { readSpending } from "@/lib/ledger/budget_store.ts";
import { readFolds, runFold } from "@/lib/ledger/folds.ts";
import {
  readReconciled,
  type Reconciled,
  type ReconciledDay,
} from "@/lib/ledger/reconciliation_store.ts";
import { type Provider, ProviderError } from "@/lib/providers/provider.ts";
import { openRented } from "@/lib/providers/providers.ts";
import { parseCount } from "./arguments.ts";
import { readFleet } from "./config.ts";
import { withDatabase } from "./connect.ts";
import {
  type CliIo,
  type Column,
  document,
  type Format,
  type Json,
  span,
  table,
  utcExact,
  withOutput,
} from "./output.ts";

const DAY_MS = 86_400_000;
const DAYS_SHOWN = 7;
const DAYS_MAX = 366;

type Options = { days: number; output: Format };

export function addBilling(program: Command, io: CliIo): void {
  withOutput(program.command("billing"))
    .description(
      "show what the providers' bills say: gaps, today's money, the budget gate, and past days beside theirs",
    )
    .option("--days <count>", "so many past days", parseCount(1, DAYS_MAX), DAYS_SHOWN)
    .action((options: Options) => billing(io, options));
}

type Row = {
  readonly provider: string;
  readonly lastReadAt: Instant | null;
  readonly missing: number | null;
  readonly minutes: number | null;
  readonly spentToday: NanoUsd;
  readonly budget: NanoUsd | null;
  readonly gate: Gate;
  readonly credit: Credit;
};

type Credit =
  | { readonly kind: "known"; readonly nanoUsd: NanoUsd }
  | { readonly kind: "unknown"; readonly because: string };

async function billing(io: CliIo, { days, output }: Options): Promise<void> {
  const fleet = await readFleet(io);
  const { rows, reconciled } = await withDatabase(io, {}, async (sql) => ({
    rows: await rowsOf(io, sql, fleet),
    reconciled: await readReconciled(sql, days),
  }));
  if (output === "json") {
    return io.out(document({
      providers: rows.map(rowJson),
      reconciliation: reconciled.map(dayJson),
    }));
  }
  if (rows.length === 0) return io.out("No provider of this deployment sends bills\n");
  io.out(table(rows, COLUMNS(io.clock.now())));
  for (const { gate } of rows) if (gate.kind === "closed") io.out(`\nClosed: ${gate.because}\n`);
  if (reconciled.length === 0) {
    return io.out("\nNo day has been held against a provider's own yet\n");
  }
  io.out(
    `\nPast days, ours beside the provider's own\n\n${
      table(reconciled.flatMap(linesOf), DAY_COLUMNS)
    }`,
  );
}

/** Providers that have sent a bill, and those of the fleet file that would. */
async function rowsOf(io: CliIo, sql: Sql, fleet: FleetFile): Promise<Row[]> {
  const now = io.clock.now();
  const seen = await sql<{ provider: string }[]>`select provider from billing_since`;
  const configured = fleet.providers.hyperstack === undefined ? [] : ["hyperstack"];
  const names = [...new Set([...seen.map(({ provider }) => provider), ...configured])].sort();
  const to = instant(Math.floor(now / 60_000) * 60_000);
  const window = { from: instant(to - DAY_MS), to };
  const gaps = await runFold(sql, await readFolds(), "billing_gaps", window);
  const spent = await readSpending(sql, names);
  const rented = openRented({ fleet, env: io.env, clock: io.clock, sql });
  return await Promise.all(spent.map(async (spending) => {
    const { provider } = spending;
    const limits: GateLimits = {
      staleAfter: fleet.billing.stale_after,
      budget: provider === "hyperstack" ? fleet.providers.hyperstack?.spend_per_day ?? null : null,
    };
    const gap = gaps.find((one) => one.provider === provider);
    return {
      ...spending,
      missing: gap?.missing ?? null,
      minutes: gap?.minutes ?? null,
      budget: limits.budget,
      gate: gateOf(spending, limits, now),
      credit: await creditOf(rented.find(({ name }) => name === provider), io.signal),
    };
  })).finally(() => Promise.all(rented.map((provider) => provider.close())));
}

async function creditOf(provider: Provider | undefined, signal: AbortSignal): Promise<Credit> {
  if (provider?.billing === undefined) return { kind: "unknown", because: "no key here" };
  try {
    return { kind: "known", nanoUsd: (await provider.billing.credit(signal)).creditNanoUsd };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { kind: "unknown", because: error.kind };
  }
}

const COLUMNS = (now: Instant): Column<Row>[] => [
  { header: "provider", cell: ({ provider }) => provider },
  {
    header: "last bill",
    cell: ({ lastReadAt }) => lastReadAt === null ? "never" : `${span(now - lastReadAt)} ago`,
  },
  {
    header: "missing in 24 h",
    unit: "min",
    right: true,
    cell: ({ missing, minutes }) => missing === null ? null : `${missing} of ${minutes}`,
  },
  { header: "today", unit: "USD", right: true, cell: ({ spentToday }) => formatUsd(spentToday) },
  {
    header: "budget",
    unit: "USD a day",
    right: true,
    cell: ({ budget }) => budget === null ? null : formatUsd(budget),
  },
  { header: "gate", cell: ({ gate }) => gate.kind === "open" ? "open" : `closed: ${gate.code}` },
  {
    header: "credit",
    unit: "USD",
    right: true,
    cell: ({ credit }) =>
      credit.kind === "known" ? formatUsd(credit.nanoUsd) : `unknown: ${credit.because}`,
  },
];

type Line = Reconciled & {
  readonly provider: string;
  readonly day: string;
  readonly missing: number;
};

const linesOf = ({ provider, day, missingMinutes, account, machines }: ReconciledDay): Line[] =>
  [account, ...machines].map((row) => ({ ...row, provider, day, missing: missingMinutes }));

const DAY_COLUMNS: Column<Line>[] = [
  { header: "day", unit: "UTC", cell: ({ day }) => day },
  { header: "provider", cell: ({ provider }) => provider },
  { header: "machine", cell: ({ machineId }) => machineId ?? "whole account" },
  { header: "ours", unit: "USD", right: true, cell: ({ oursNanoUsd }) => formatUsd(oursNanoUsd) },
  {
    header: "theirs",
    unit: "USD",
    right: true,
    cell: ({ theirsNanoUsd }) => theirsNanoUsd === null ? null : formatUsd(theirsNanoUsd),
  },
  { header: "ours less theirs", unit: "USD", right: true, cell: (line) => moneyOff(line) },
  { header: "ours", unit: "min", right: true, cell: ({ oursMinutes }) => oursMinutes },
  { header: "theirs", unit: "min", right: true, cell: ({ theirsMinutes }) => theirsMinutes },
  { header: "no bill", unit: "min", right: true, cell: ({ missing }) => missing },
];

function moneyOff({ oursNanoUsd, theirsNanoUsd }: Reconciled): string | null {
  return theirsNanoUsd === null ? null : formatUsd(oursNanoUsd - theirsNanoUsd);
}

function rowJson(
  { provider, lastReadAt, missing, minutes, spentToday, budget, gate, credit }: Row,
): Json {
  return {
    provider,
    last_read_at: utcExact(lastReadAt),
    gap_minutes_24h: missing,
    watched_minutes_24h: minutes,
    spent_today_usd: formatUsd(spentToday),
    budget_per_day_usd: budget === null ? null : formatUsd(budget),
    gate: gate.kind,
    gate_code: gate.kind === "open" ? null : gate.code,
    gate_because: gate.kind === "open" ? null : gate.because,
    credit_usd: credit.kind === "known" ? formatUsd(credit.nanoUsd) : null,
    credit_unknown_because: credit.kind === "known" ? null : credit.because,
  };
}

function dayJson({ provider, day, missingMinutes, account, machines }: ReconciledDay): Json {
  const money = (row: Reconciled) => ({
    ours_usd: formatUsd(row.oursNanoUsd),
    theirs_usd: row.theirsNanoUsd === null ? null : formatUsd(row.theirsNanoUsd),
    difference_usd: moneyOff(row),
  });
  return {
    provider,
    day,
    missing_minutes: missingMinutes,
    ...money(account),
    machines: machines.map((row) => ({
      machine_id: row.machineId,
      resource_id: row.resourceId,
      ...money(row),
      ours_minutes: row.oursMinutes,
      theirs_minutes: row.theirsMinutes,
    })),
  };
}
