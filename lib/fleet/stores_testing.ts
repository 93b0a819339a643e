/** For tests only: machines and usage rows in a test database. */
import { type Instant, instant, systemClock } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { newId } from "@/lib/kernel/ids.ts";
import { detailOf } from "./machine_row.ts";
import type { Machine, Place } from "./place.ts";

/** A moment in whole milliseconds that the database and the test agree on. */
export const START: Instant = instant(1_750_000_000_000);

type Added = Partial<Omit<Machine, "place">> & { place?: Place };

/** Inserts a machine; `asleep` in slot 0 of tier `spot` unless told otherwise. Answers its id. */
export async function addMachine(sql: Sql, over: Added = {}): Promise<string> {
  const id = over.id ?? newId("mac", systemClock.now());
  const place = over.place ?? { at: "asleep" };
  await sql`
    insert into machines (
      id, tier, slot, provider, external_id, base_url, place, place_detail, place_since, failures, generation, retired_at
    ) values (
      ${id}, ${over.tier ?? "spot"}, ${over.slot ?? 0}, ${over.provider ?? "local"},
      ${over.externalId ?? null}, ${
    over.baseUrl ?? (needsAddress(place) ? "http://engine.test" : null)
  },
      ${place.at}, ${sql.json(detailOf(place))}, ${new Date(over.placeSince ?? START)},
      ${over.failures ?? 0}, ${over.generation ?? 0}, ${
    over.retired === true ? new Date(START) : null
  }
    )
  `;
  return id;
}

/** Opens a usage row on a machine. Answers its id. */
export async function openRow(sql: Sql, machineId: string): Promise<string> {
  const id = newId("req", systemClock.now());
  await sql`
    insert into usage (
      id, opened_at, request_id, account_id, key_id, replica_id, route, model_asked, model, tier, band, machine_id,
      stream, admit_ms, wait_ms
    ) values (
      ${id}, now(), ${id}, 'acc_test', 'key_test', 'rep_test', 'chat', 'm', 'm', 'spot', 'spot', ${machineId},
      true, 0, 0
    )
  `;
  return id;
}

export async function closeRow(sql: Sql, id: string, at: Instant): Promise<void> {
  await sql`
    update usage set closed_at = ${new Date(
    at,
  )}, status = 200, ended = 'complete', cost_nano_usd = 0 where id = ${id}
  `;
}

function needsAddress({ at }: Place): boolean {
  return at === "ready" || at === "napping" || at === "draining";
}
