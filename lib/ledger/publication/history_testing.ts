/** For tests only: a little history of machines, bills and requests, written the way the gateway writes it. */
import { type Instant, instant, systemClock } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { rollUp } from "@/lib/ledger/rollups.ts";
import { snapshotTaker } from "@/lib/ledger/billing_snapshots.ts";
import type { BilledResource, Billing } from "@/lib/providers/billing.ts";
import { type Provider, ProviderError } from "@/lib/providers/provider.ts";

/** Billed a cent a minute while it is on, a tenth of that for its disk always. */
const MACHINE_NANO_USD = 10_000_000n;
const DISK_NANO_USD = 1_000_000n;

export const PROVIDER = "billed";
export const MACHINE = "mac_1";

/** A provider that bills what it is told to; `null` stands for no answer. */
export function billingProvider(
  name: string,
  answer: () => readonly BilledResource[] | null,
  more: Partial<Billing> = {},
): Provider {
  const no = () => Promise.reject(new ProviderError("unavailable", name, "usage", "secret words"));
  const billing: Billing = {
    usage() {
      const resources = answer();
      return resources === null
        ? no()
        : Promise.resolve({ resources, raw: { n: resources.length } });
    },
    lastDayCost: no,
    machineHistory: no,
    credit: no,
    ...more,
  };
  const provider: Partial<Provider> = { name, billing };
  return provider as Provider; // a ledger asks nothing else of it
}

export type HistoryOptions = {
  readonly from: Instant;
  readonly minutes: number;
  /** Minutes, counted from the first, in which the bill could not be read. */
  readonly gaps?: readonly number[];
};

/** A machine that wakes every hour for half of it, with a request in its first ten minutes, beside one that is not ours. */
export async function writeHistory(
  sql: Sql,
  { from, minutes, gaps = [] }: HistoryOptions,
): Promise<void> {
  const at = (minute: number) => new Date(from + minute * 60_000);
  await sql`
    insert into machines (id, tier, slot, provider, external_id, place, created_at)
    values (${MACHINE}, 'h100-spot', 0, ${PROVIDER}, 'vm-1', 'asleep', ${at(0)})
    on conflict do nothing
  `;
  const [before] = await sql<{ n: number }[]>`select count(*)::integer as n from operations`;
  let generation = before?.n ?? 0;
  const move = async (minute: number, to: string, because: string) => {
    generation++;
    await sql`
      insert into operations (id, at, kind, machine_id, tier, generation, from_place, to_place, because)
      values (
        ${`opr_${generation}`}, ${at(minute)}, 'move', ${MACHINE}, 'h100-spot', ${generation}, 'x',
        ${to}, ${because}
      )
    `;
  };
  let total = 0n;
  let disk = 0n;
  let answer: readonly BilledResource[] | null = null;
  const take = await snapshotTaker({
    sql,
    providers: new Map([[PROVIDER, billingProvider(PROVIDER, () => answer)]]),
    replicaId: "rep_test",
    clock: systemClock,
    log: silentLog,
  });
  for (let minute = 0; minute < minutes; minute++) {
    const ofHour = minute % 60;
    if (ofHour === 1) {
      await move(minute + 0.1, "waking", "a request of acc_secret asked");
      await sql`
        insert into wakes (id, tier, machine_id, request_id, asked_at, deadline, from_place, healthy_at, ended_at, outcome)
        values (
          ${`wak_${from}_${minute}`}, 'h100-spot', ${MACHINE}, 'req_secret', ${at(minute)}, ${
        at(minute + 10)
      },
          'asleep', ${at(minute + 2.5)}, ${at(minute + 2.5)}, 'served'
        )
      `;
    }
    if (ofHour === 2) await move(minute + 0.2, "loading", "powered on");
    if (ofHour === 3) await move(minute + 0.3, "ready", "healthy");
    if (ofHour === 4) await request(sql, `req_${from}_${minute}`, at(minute), at(minute + 10));
    if (ofHour === 29) await move(minute + 0.4, "stopping", "quiet");
    if (ofHour === 30) await move(minute + 0.5, "asleep", "off");
    if (ofHour > 1 && ofHour < 31) total += MACHINE_NANO_USD;
    disk += DISK_NANO_USD;
    const created = instant(from - 30 * 60_000);
    const shared = { nanoUsdPerMinute: 1n, active: true, createdAt: created, terminatedAt: null };
    answer = gaps.includes(minute) ? null : [
      {
        ...shared,
        resourceId: "vm-1",
        kind: "machine",
        name: "vm",
        machineId: MACHINE,
        totalNanoUsd: total,
      },
      {
        ...shared,
        resourceId: "disk-1",
        kind: "volume",
        name: "disk",
        machineId: MACHINE,
        totalNanoUsd: disk,
      },
      {
        ...{ ...shared, resourceId: "foreign", kind: "machine", name: "theirs", machineId: null },
        totalNanoUsd: 7n * BigInt(minute),
      },
    ];
    await take(at(minute), new AbortController().signal);
    if (ofHour === 50) await roll(sql, instant(at(minute).getTime()));
  }
  await roll(sql, instant(at(minutes).getTime()));
}

/** Only the minutes there are: nothing is older. */
async function roll(sql: Sql, now: Instant): Promise<void> {
  await sql`update rollups set rechecked_at = ${new Date(now)}`;
  await rollUp(sql, now);
}

async function request(sql: Sql, id: string, opened: Date, closed: Date): Promise<void> {
  await sql`
    insert into usage (
      id, opened_at, request_id, account_id, key_id, replica_id, route, model_asked, model, tier, band, machine_id,
      stream, admit_ms, wait_ms, prompt_tokens, completion_tokens, closed_at, status, ended, cost_nano_usd
    ) values (
      ${id}, ${opened}, 'r', 'acc_secret', 'key_secret', 'rep_1', '/v1', 'm', 'm', 'h100-spot', 'spot', ${MACHINE},
      false, 0, 0, 600, 400, ${closed}, 200, 'complete', 0
    )
  `;
}
