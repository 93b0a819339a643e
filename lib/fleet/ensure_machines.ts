/** Makes the machines what the lineup names: adds, retires, brings back. Also keeps every lineup that was in force. */
import type { Instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { TierSpec } from "@/lib/kernel/fleet_file.ts";
import { newId, sha256Hex } from "@/lib/kernel/ids.ts";
import type { Providers } from "@/lib/providers/provider.ts";
import { note, type SqlOrTransaction } from "./journal_store.ts";

export type EnsuredMachines = {
  readonly added: number;
  readonly retired: number;
  readonly returned: number;
  /** The lineup in force. */
  readonly lineupId: string;
};

const DROPPED = "the lineup no longer names it";

/**
 * Brings the table in line with the lineup, in one transaction; replicas that start together take turns. A machine
 * the lineup dropped is retired, its wake ends, and the keeper winds it down; one that it names again returns.
 */
export async function ensureMachines(
  sql: Sql,
  { lineup, providers, now }: {
    lineup: readonly TierSpec[];
    providers: Providers;
    now: Instant;
  },
): Promise<EnsuredMachines> {
  return await sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtextextended('ensure_machines', 0))`;
    const wanted = lineup.flatMap((tier) =>
      Array.from({ length: tier.machines }, (_, slot) => ({
        tier: tier.name,
        slot,
        provider: tier.provider,
        place: providers.get(tier.provider)?.capabilities.creates === true ? "absent" : "asleep",
      }))
    );
    const dropped = await retire(tx, wanted, now);
    const returned = await bringBack(tx, wanted);
    const added = await add(tx, wanted, now);
    const notes = [
      ...dropped.map((machine) => ({ ...machine, because: DROPPED })),
      ...returned.map((machine) => ({ ...machine, because: "the lineup names it again" })),
      ...added.map((machine) => ({ ...machine, because: "the lineup names it" })),
    ];
    for (const { id, tier, because } of notes) {
      await note(tx, { machineId: id, tier, because }, now);
    }
    const lineupId = await recordLineup(tx, lineup, now);
    return {
      added: added.length,
      retired: dropped.length,
      returned: returned.length,
      lineupId,
    };
  });
}

type Wanted = { tier: string; slot: number; provider: string; place: string };
type Named = { id: string; tier: string };

async function retire(
  sql: SqlOrTransaction,
  wanted: readonly Wanted[],
  now: Instant,
): Promise<Named[]> {
  const dropped = await sql<Named[]>`
    update machines set retired_at = ${new Date(now)}
    where retired_at is null and not exists (
      select 1 from jsonb_to_recordset(${sql.json(wanted)}::jsonb)
        as want (tier text, slot integer, provider text)
      where want.tier = machines.tier and want.slot = machines.slot
        and want.provider = machines.provider
    )
    returning id, tier
  `;
  const ids = dropped.map((machine) => machine.id);
  await sql`
    update wakes set ended_at = ${new Date(now)}, outcome = 'failed', because = ${DROPPED}
    where ended_at is null and machine_id = any(${ids})
  `;
  return dropped;
}

/** The one retired last, where a slot had several. */
async function bringBack(sql: SqlOrTransaction, wanted: readonly Wanted[]): Promise<Named[]> {
  return await sql<Named[]>`
    update machines set retired_at = null
    where id in (
      select distinct on (old.tier, old.slot) old.id
      from machines old
      join jsonb_to_recordset(${sql.json(wanted)}::jsonb)
        as want (tier text, slot integer, provider text)
        on want.tier = old.tier and want.slot = old.slot and want.provider = old.provider
      where old.retired_at is not null and not exists (
        select 1 from machines held
        where held.tier = old.tier and held.slot = old.slot and held.retired_at is null
      )
      order by old.tier, old.slot, old.retired_at desc
    )
    returning id, tier
  `;
}

async function add(
  sql: SqlOrTransaction,
  wanted: readonly Wanted[],
  now: Instant,
): Promise<Named[]> {
  const rows = wanted.map((want) => ({ ...want, id: newId("mac", now) }));
  return await sql<Named[]>`
    insert into machines (id, tier, slot, provider, place, place_since, created_at)
    select id, tier, slot, provider, place, ${new Date(now)}, ${new Date(now)}
    from jsonb_to_recordset(${sql.json(rows)}::jsonb)
      as want (id text, tier text, slot integer, provider text, place text)
    on conflict (tier, slot) where retired_at is null do nothing
    returning id, tier
  `;
}

/** Writes the lineup down when it changed. Answers the id of the one in force. */
async function recordLineup(
  sql: SqlOrTransaction,
  lineup: readonly TierSpec[],
  now: Instant,
): Promise<string> {
  const document = lineup.map(published);
  const sha256 = sha256Hex(JSON.stringify(document));
  const [last] = await sql<{ id: string; sha256: string }[]>`
    select id, sha256 from lineups order by in_force_from desc, id desc limit 1
  `;
  if (last?.sha256 === sha256) return last.id;
  const id = newId("lin", now);
  await sql`
    insert into lineups (id, sha256, document, in_force_from)
    values (${id}, ${sha256}, ${sql.json(document)}, ${new Date(now)})
  `;
  return id;
}

/** A tier without how its machines are run: commands and environments may hold secrets. */
function published({ local: _local, static: _static, ...tier }: TierSpec) {
  return { ...tier, nap: tier.nap ?? null };
}
