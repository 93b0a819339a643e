/** Durable usage rows a second: opened and closed through the ledger's group commit, next to one commit each. */
import { systemClock } from "@/lib/kernel/clock.ts";
import { newId } from "@/lib/kernel/ids.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { createMetrics } from "@/lib/kernel/metrics.ts";
import { migrate } from "@/lib/kernel/migrations.ts";
import { openSockets } from "@/lib/kernel/sockets/sockets.ts";
import { openUsageDatabase } from "@/lib/ledger/usage_database.ts";
import { createUsageLedger } from "@/lib/ledger/usage_ledger.ts";
import type { UsagePlacement, UsageRequest } from "@/lib/ledger/usage_store.ts";
import { databaseOf } from "./database.ts";
import { row, type Table } from "./report.ts";
import { median } from "./statistics.ts";

export type AccountingOptions = { readonly rounds: number; readonly seconds: number };

const LANES = 256;

/** Rows a second, medians over rounds; the first round is thrown away. */
export async function accounting(
  dir: string,
  { rounds, seconds }: AccountingOptions,
): Promise<Table> {
  await using database = await databaseOf(`${dir}/accounting`);
  const { sql, target } = database;
  await migrate(sql, new URL("../migrations/", import.meta.url));
  const rows = openUsageDatabase(target, {
    applicationName: "bench usage",
    log: silentLog,
    sockets: openSockets("auto", silentLog),
  });
  const ledger = createUsageLedger({
    ...{
      sql: rows.sql,
      write: rows.write,
      clock: systemClock,
      log: silentLog,
      metrics: createMetrics(),
    },
  });
  const machineId = newId("mac", systemClock.now());
  await sql`
    insert into machines (id, tier, slot, provider, base_url, place)
    values (${machineId}, 'bench', 0, 'static', 'http://127.0.0.1:1', 'ready')
  `;
  const grouped = async () => {
    const opened = rowOf(machineId);
    if (!await ledger.open(opened)) throw new Error("the machine takes nothing");
    ledger.close({
      ...{ id: opened.id, openedAt: opened.openedAt, status: 200, ended: "complete" },
      ...{ finishReason: "stop", errorCode: null, ttftMs: 1, totalMs: 2, costNanoUsd: 0n },
      ...{ promptTokens: 10, completionTokens: 10, cachedTokens: 0, tokensFrom: "engine" },
    });
  };
  const single = async () => {
    await rows.write({ opens: [rowOf(machineId)], closes: [] });
  };
  const rates = { grouped: [] as number[], single: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const [groupRate, singleRate] = [await rate(grouped, seconds), await rate(single, seconds)];
    if (round === 0) continue;
    rates.grouped.push(groupRate);
    rates.single.push(singleRate);
  }
  await ledger.settle(AbortSignal.timeout(30_000));
  ledger.stop();
  await rows.end();
  return {
    title: `Durable usage rows a second, ${LANES} requests at a time`,
    columns: ["", "rows/s", "×"],
    rows: [
      row("one commit per row, opened only", [median(rates.single), 1], 1),
      row("group commit, opened and closed", [
        median(rates.grouped),
        median(rates.grouped.map((value, i) => value / (rates.single[i] ?? NaN))),
      ], 1),
    ],
    figures: rates,
  };
}

async function rate(work: () => Promise<void>, seconds: number): Promise<number> {
  const startMs = performance.now();
  const endMs = startMs + seconds * 1_000;
  let done = 0;
  await Promise.all(Array.from({ length: LANES }, async () => {
    while (performance.now() < endMs) {
      await work();
      done++;
    }
  }));
  return done / ((performance.now() - startMs) / 1_000);
}

function rowOf(machineId: string): UsageRequest & UsagePlacement {
  const now = systemClock.now();
  return {
    ...{ id: newId("req", now), openedAt: now, requestId: "bench", accountId: "acc_bench" },
    ...{ keyId: "key_bench", replicaId: "rep_bench", route: "/v1/chat/completions" },
    ...{ modelAsked: "m", model: "m", tier: "bench", band: "standard", machineId, wakeId: null },
    ...{ stream: true, attempts: 1, admitMs: 1, waitMs: 0, priceId: null },
  };
}
