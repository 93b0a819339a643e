/** The keeper's memory in Postgres. Leases run on the database's clock, so that replicas with skewed clocks agree. */
import { assert } from "@/lib/kernel/assert.ts";
import { type Clock, type Instant, instant, type Millis } from "@/lib/kernel/clock.ts";
import type { PendingQuery, Row } from "postgres";
import type { Sql } from "@/lib/kernel/database.ts";
import { newId } from "@/lib/kernel/ids.ts";
import { detailOf, machineColumns, machineOf, type MachineRow } from "./machine_row.ts";
import {
  type Claim,
  type ClaimAnswer,
  type Demand,
  holdsAddress,
  type MachineStore,
  type Move,
  REPLACEMENTS_TOLD,
  RETIRED_WATCH_MS,
  WAKE_PHASES,
  type WakePhase,
} from "./machine_store.ts";
import { type Machine, mayMove } from "./place.ts";
import { REPLACED } from "./step.ts";

/**
 * The store of one replica; `holder` names it in leases and in the journal. `leaseClock`: only where a whole fleet runs on
 * one clock of its own, the database's otherwise.
 */
export function createMachineStore(sql: Sql, holder: string, leaseClock?: Clock): MachineStore {
  const leaseNow = () => {
    const at = leaseClock === undefined ? null : new Date(leaseClock.now());
    return sql`coalesce(${at}::timestamptz, now())`;
  };
  return {
    due: (now) => due(sql, now),
    claim: (machineId, span) => claim(sql, holder, machineId, span, leaseNow()),
    async renew(claim, span) {
      const renewed = await sql`
        update machines set lease_until = ${leaseNow()} + ${seconds(span)} * interval '1 second'
        where id = ${claim.machine.id} and lease_token = ${claim.token} and lease_holder is not null
      `;
      return renewed.count === 1;
    },
    async release(claim) {
      await sql`
        update machines set lease_holder = null, lease_until = null
        where id = ${claim.machine.id} and lease_token = ${claim.token}
      `;
    },
    demand: (machineId, now) => demand(sql, machineId, now),
    async setAddress(claim, { externalId, baseUrl }) {
      const set = await sql`
        update machines set external_id = ${externalId}, base_url = ${baseUrl}
        where id = ${claim.machine.id} and lease_token = ${claim.token}
          and generation = ${claim.machine.generation}
      `;
      return set.count === 1;
    },
    stampWake: (wakeId, phases, now) => stampWake(sql, wakeId, phases, now),
    move: (claim, move, now) => writeMove(sql, holder, claim, move, now),
    async outcome(claim, moveId, outcome, detail, now) {
      const { id, tier, generation } = claim.machine;
      await sql`
        insert into operations
          (id, at, kind, machine_id, tier, generation, because, move_id, outcome, detail, replica_id)
        values (
          ${newId("opr", now)}, ${new Date(now)}, 'outcome', ${id}, ${tier}, ${generation},
          'what came of it', ${moveId}, ${outcome}, ${sql.json(detail)}, ${holder}
        )
      `;
    },
  };
}

async function due(sql: Sql, now: Instant): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select id from machines
    where retired_at is null or place not in ('absent', 'asleep')
      or place_since > ${new Date(now - RETIRED_WATCH_MS)}
    order by tier, slot, id
  `;
  return rows.map((row) => row.id);
}

async function claim(
  sql: Sql,
  holder: string,
  machineId: string,
  span: Millis,
  now: PendingQuery<Row[]>,
): Promise<ClaimAnswer> {
  const [row] = await sql<(MachineRow & { token: number })[]>`
    update machines set
      lease_holder = ${holder},
      lease_token = lease_token + 1,
      lease_until = ${now} + ${seconds(span)} * interval '1 second'
    where id = ${machineId} and (lease_until is null or lease_until <= ${now})
    returning ${machineColumns(sql)}, lease_token as token
  `;
  if (row !== undefined) {
    const { token, ...machine } = row;
    return { kind: "claimed", claim: { machine: machineOf(machine), token } };
  }
  const [known] = await sql`select 1 from machines where id = ${machineId}`;
  return { kind: known === undefined ? "missing" : "held" };
}

async function demand(sql: Sql, machineId: string, now: Instant): Promise<Demand> {
  type Row = {
    openRows: number;
    lastUsedAt: Date | null;
    wakeId: string | null;
    replacedAt: Date[];
  } & Record<WakePhase, boolean>;
  const [row] = await sql<Row[]>`
    select
      (select count(*)::integer from usage where machine_id = ${machineId} and closed_at is null) as "openRows",
      (
        select max(closed_at) from usage where machine_id = ${machineId} and closed_at is not null
      ) as "lastUsedAt",
      array(
        select at from operations
        where machine_id = ${machineId} and at > ${new Date(now - REPLACEMENTS_TOLD)}
          and kind = 'move' and act = 'destroy' and because like ${`${REPLACED}:%`}
        order by at
      ) as "replacedAt",
      wake.id as "wakeId",
      wake.power_asked_at is not null as "powerAsked", wake.power_on_at is not null as "powerOn",
      wake.address_at is not null as "address", wake.port_open_at is not null as "portOpen",
      wake.healthy_at is not null as "healthy"
    from (select 1) one
    left join lateral (
      select id, power_asked_at, power_on_at, address_at, port_open_at, healthy_at
      from wakes
      where machine_id = ${machineId} and ended_at is null and deadline > ${new Date(now)}
      limit 1
    ) wake on true
  `;
  assert(row !== undefined, "a select without a table answers one row");
  const stamped = WAKE_PHASES.filter((phase) => row[phase]);
  return {
    openRows: row.openRows,
    lastUsedAt: row.lastUsedAt === null ? null : instant(row.lastUsedAt.getTime()),
    wake: row.wakeId === null ? null : { id: row.wakeId, stamped },
    replacedAt: row.replacedAt.map((at) => instant(at.getTime())),
  };
}

async function stampWake(
  sql: Sql,
  wakeId: string,
  phases: readonly WakePhase[],
  now: Instant,
): Promise<void> {
  const at = (phase: WakePhase) => phases.includes(phase) ? new Date(now) : null;
  await sql`
    update wakes set
      power_asked_at = coalesce(power_asked_at, ${at("powerAsked")}::timestamptz),
      power_on_at = coalesce(power_on_at, ${at("powerOn")}::timestamptz),
      address_at = coalesce(address_at, ${at("address")}::timestamptz),
      port_open_at = coalesce(port_open_at, ${at("portOpen")}::timestamptz),
      healthy_at = coalesce(healthy_at, ${at("healthy")}::timestamptz)
    where id = ${wakeId} and ended_at is null
  `;
}

/** Machine, journal and wake in one statement: all of it stands, or none. */
async function writeMove(
  sql: Sql,
  holder: string,
  { machine, token }: Claim,
  move: Move,
  now: Instant,
): Promise<Machine | null> {
  const { to } = move;
  assert(mayMove(machine.place.at, to.at), `no move from ${machine.place.at} to ${to.at}`);
  const at = new Date(now);
  const externalId = move.forget ? null : machine.externalId;
  const baseUrl = move.forget || !holdsAddress(to.at) ? null : machine.baseUrl;
  const wakeOutcome = move.wake?.outcome ?? null;
  const retryAt = move.wake?.outcome === "failed" && move.wake.retryAt !== null
    ? new Date(move.wake.retryAt)
    : null;
  const [row] = await sql<MachineRow[]>`
    with moved as (
      update machines set
        place = ${to.at}, place_detail = ${sql.json(detailOf(to))}, place_since = ${at},
        failures = ${move.failures}, generation = generation + 1,
        external_id = ${externalId}, base_url = ${baseUrl}
      where id = ${machine.id} and generation = ${machine.generation} and lease_token = ${token}
        and (not ${move.unlessRows}::boolean or not exists (
          select 1 from usage where machine_id = ${machine.id} and closed_at is null
        ))
      returning ${machineColumns(sql)}
    ), journalled as (
      insert into operations (
        id, at, kind, machine_id, tier, generation, from_place, to_place, act, because, detail, replica_id
      )
      select
        ${move.id}, ${at}, 'move', id, tier, generation, ${machine.place.at}, ${to.at}, ${move.act},
        ${move.because}, ${sql.json({ place: detailOf(to), failures: move.failures })}, ${holder}
      from moved
    ), ended as (
      update wakes set
        ended_at = ${at}, outcome = ${wakeOutcome}, because = ${move.because}, retry_at = ${retryAt},
        healthy_at = case when ${wakeOutcome}::text = 'served' then coalesce(healthy_at, ${at}) else healthy_at end
      from moved
      where wakes.machine_id = moved.id and wakes.ended_at is null and ${wakeOutcome}::text is not null
    )
    select moved.* from moved
  `;
  return row === undefined ? null : machineOf(row);
}

function seconds(span: Millis): number {
  return span / 1_000;
}
