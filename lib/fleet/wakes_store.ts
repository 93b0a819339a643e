/** Wakes in Postgres: a request's wish for a machine, shared by all who want the same tier. */
import { AppError } from "@/lib/kernel/errors.ts";
import { type Instant, instant, later, type Millis } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { newId } from "@/lib/kernel/ids.ts";
import type { PlaceName } from "./place.ts";
import { machineColumns, machineOf, type MachineRow } from "./machine_row.ts";
import { pickMachine } from "./pick_machine.ts";

export type WakeAsk = {
  readonly tier: string;
  /** The request that asks; null for the operator. */
  readonly requestId: string | null;
  /** How long it will wait. A shared wake lasts as long as its most patient request. */
  readonly patience: Millis;
  /** The tier's allowed failed starts in a row. */
  readonly attempts: number;
  /**
   * How many ready machines of the tier the asker knows of and cannot use. When there are more, its view is behind, and
   * no other machine is woken. Omitted: another one is wanted whatever is ready.
   */
  readonly readySeen?: number;
};

export type WakeAnswer =
  | {
    readonly kind: "asked";
    readonly wakeId: string;
    readonly machineId: string;
    /** Another request had asked first. */
    readonly shared: boolean;
  }
  /** No machine of the tier can be woken. `retryAt`: when one that failed may be tried again; null when that is not known. */
  | { readonly kind: "unavailable"; readonly retryAt: Instant | null; readonly because: string }
  /** A machine of the tier is ready that the asker has not heard of yet: it will. */
  | { readonly kind: "ready" };

/** An ask may lose to others at each step; after so many rounds something else is wrong. */
const ROUNDS_MAX = 8;
/** A shared deadline is moved only for a gain worth a write. */
const EXTEND_MS_MIN = 1_000;

/**
 * Asks for a machine of the tier. However many ask at once, on whatever replica, the tier has one open wake.
 * Throws AppError `internal` when it cannot be settled.
 */
export async function askWake(sql: Sql, ask: WakeAsk, now: Instant): Promise<WakeAnswer> {
  const deadline = later(now, ask.patience);
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const shared = await shareWake(sql, ask.tier, deadline, now);
    if (shared !== null) return shared;
    const machines = await sql<MachineRow[]>`
      select ${machineColumns(sql)} from machines where tier = ${ask.tier} and retired_at is null
    `;
    const ready = machines.filter(({ place }) => place === "ready").length;
    if (ready > (ask.readySeen ?? machines.length)) {
      return { kind: "ready" };
    }
    const pick = pickMachine(machines.map(machineOf), ask.attempts, now);
    if (pick.kind === "none") return { ...pick, kind: "unavailable" };
    const { id: machineId, place } = pick.machine;
    const wakeId = newId("wak", now);
    // The share lock and the lineup's retirement take turns: no wake is left naming a retired machine.
    const [written] = await sql`
      insert into wakes (id, tier, machine_id, request_id, asked_at, deadline, from_place)
      select
        ${wakeId}, ${ask.tier}, id, ${ask.requestId}, ${new Date(now)}, ${new Date(deadline)},
        ${place.at}
      from (select id from machines where id = ${machineId} and retired_at is null for share) machine
      on conflict (tier) where ended_at is null do nothing
      returning id
    `;
    if (written !== undefined) return { kind: "asked", wakeId, machineId, shared: false };
  }
  throw new AppError("internal", `Cannot settle on a wake for tier "${ask.tier}": ask again`);
}

/** Joins the tier's open wake, moving its deadline; ends one that nobody waits for any more. Null when there is none. */
async function shareWake(
  sql: Sql,
  tier: string,
  deadline: Instant,
  now: Instant,
): Promise<Extract<WakeAnswer, { kind: "asked" }> | null> {
  const [open] = await sql<{ id: string; machineId: string; deadline: Date }[]>`
    select id, machine_id as "machineId", deadline from wakes where tier = ${tier} and ended_at is null
  `;
  if (open === undefined) return null;
  const answer = {
    kind: "asked",
    wakeId: open.id,
    machineId: open.machineId,
    shared: true,
  } as const;
  const ends = open.deadline.getTime();
  if (ends <= now) {
    await sql`
      update wakes set ended_at = ${new Date(now)}, outcome = 'expired', because = ${EXPIRED}
      where id = ${open.id} and ended_at is null and deadline <= ${new Date(now)}
    `;
    return null;
  }
  if (deadline - ends < EXTEND_MS_MIN) return answer;
  const extended = await sql`
    update wakes set deadline = greatest(deadline, ${new Date(deadline)})
    where id = ${open.id} and ended_at is null
  `;
  return extended.count === 1 ? answer : null;
}

const EXPIRED = "nobody waited any longer";

/** Ends the wakes past their deadline, for the sweep. Answers how many. */
export async function expireWakes(sql: Sql, now: Instant): Promise<number> {
  const ended = await sql`
    update wakes set ended_at = ${new Date(now)}, outcome = 'expired', because = ${EXPIRED}
    where ended_at is null and deadline <= ${new Date(now)}
  `;
  return ended.count;
}

/** Notes when the first token after a wake reached a client; only the first call counts. */
export async function stampFirstToken(sql: Sql, wakeId: string, now: Instant): Promise<void> {
  await sql`
    update wakes set first_token_at = ${new Date(
    now,
  )} where id = ${wakeId} and first_token_at is null
  `;
}

/** One wake with its timeline. */
export type WakeRecord = {
  readonly id: string;
  readonly tier: string;
  readonly machineId: string;
  readonly requestId: string | null;
  readonly askedAt: Instant;
  readonly deadline: Instant;
  readonly fromPlace: PlaceName;
  readonly powerAskedAt: Instant | null;
  readonly powerOnAt: Instant | null;
  readonly addressAt: Instant | null;
  readonly portOpenAt: Instant | null;
  readonly healthyAt: Instant | null;
  readonly firstTokenAt: Instant | null;
  readonly endedAt: Instant | null;
  readonly outcome: "served" | "failed" | "expired" | null;
  readonly because: string | null;
  /** Of one that failed: when its machine may be tried again, at the earliest; null when that is not known. */
  readonly retryAt: Instant | null;
};

export type WakeRow = {
  [K in keyof WakeRecord]: WakeRecord[K] extends Instant ? Date
    : WakeRecord[K] extends Instant | null ? Date | null
    : WakeRecord[K];
};

/** The columns of a {@link WakeRecord}. */
export function wakeColumns(sql: Sql) {
  return sql`
    id, tier, machine_id as "machineId", request_id as "requestId", asked_at as "askedAt", deadline,
    from_place as "fromPlace", power_asked_at as "powerAskedAt", power_on_at as "powerOnAt",
    address_at as "addressAt", port_open_at as "portOpenAt", healthy_at as "healthyAt",
    first_token_at as "firstTokenAt", ended_at as "endedAt", outcome, because,
    retry_at as "retryAt"
  `;
}

export function wakeOf(row: WakeRow): WakeRecord {
  const at = (date: Date | null) => date === null ? null : instant(date.getTime());
  return {
    ...row,
    askedAt: instant(row.askedAt.getTime()),
    deadline: instant(row.deadline.getTime()),
    powerAskedAt: at(row.powerAskedAt),
    powerOnAt: at(row.powerOnAt),
    addressAt: at(row.addressAt),
    portOpenAt: at(row.portOpenAt),
    healthyAt: at(row.healthyAt),
    firstTokenAt: at(row.firstTokenAt),
    endedAt: at(row.endedAt),
    retryAt: at(row.retryAt),
  };
}

/** The latest wakes, newest first; of one tier when it is named. */
export async function recentWakes(
  sql: Sql,
  { tier = null, limit }: { tier?: string | null; limit: number },
): Promise<WakeRecord[]> {
  const rows = await sql<WakeRow[]>`
    select ${wakeColumns(sql)} from wakes
    where ${tier}::text is null or tier = ${tier}
    order by asked_at desc
    limit ${limit}
  `;
  return rows.map(wakeOf);
}
