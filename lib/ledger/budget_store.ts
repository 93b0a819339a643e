/** What the gate must know of each provider, from its snapshots. */
import { instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { ProviderSpending } from "./budget_gate.ts";

/** One for each of the named providers, also for those never read. */
export async function readSpending(
  sql: Sql,
  providers: readonly string[],
): Promise<ProviderSpending[]> {
  const rows = await sql<{ provider: string; lastReadAt: Date | null; spentToday: string }[]>`
    select
      named.provider,
      (
        select taken_at from billing_snapshots
        where billing_snapshots.provider = named.provider and outcome = 'read'
        order by minute desc
        limit 1
      ) as "lastReadAt",
      coalesce((
        select sum(nano_usd) from spend
        where spend.provider = named.provider and machine_id is not null
          and minute >= date_trunc('day', now(), 'UTC')
      ), 0)::text as "spentToday"
    from unnest(${[...providers]}::text[]) as named (provider)
  `;
  return rows.map(({ provider, lastReadAt, spentToday }) => ({
    provider,
    lastReadAt: lastReadAt === null ? null : instant(lastReadAt.getTime()),
    spentToday: BigInt(spentToday),
  }));
}
