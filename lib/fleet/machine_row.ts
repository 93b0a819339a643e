/** Machines as rows: the columns read, and what the place carries as checked JSON. */
import { z } from "zod";
import { type Instant, instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { Machine, Place } from "./place.ts";
import { WHYS } from "./refusal.ts";

export type MachineRow = {
  id: string;
  tier: string;
  slot: number;
  provider: string;
  externalId: string | null;
  baseUrl: string | null;
  place: string;
  placeDetail: unknown;
  placeSince: Date;
  failures: number;
  generation: number;
  retired: boolean;
};

/** The columns of a {@link MachineRow}. */
export function machineColumns(sql: Sql) {
  return sql`
    id, tier, slot, provider, external_id as "externalId", base_url as "baseUrl", place,
    place_detail as "placeDetail", place_since as "placeSince", failures, generation,
    retired_at is not null as retired
  `;
}

/** Reads a row. Throws ZodError when the place does not carry what it must. */
export function machineOf({ place, placeDetail, placeSince, ...row }: MachineRow): Machine {
  return {
    ...row,
    place: placeOf(place, placeDetail),
    placeSince: instant(placeSince.getTime()),
  };
}

/** A place from its name and detail. Throws ZodError when they do not belong together. */
export function placeOf(at: string, detail: unknown): Place {
  return placeSchema.parse({ ...z.record(z.string(), z.unknown()).parse(detail), at });
}

/** What a place carries besides its name, as JSON: times are milliseconds since the epoch. */
export function detailOf(
  { at: _at, ...detail }: Place,
): Record<string, number | string | boolean | null> {
  return detail;
}

const at = z.int().transform((epochMs): Instant => instant(epochMs));
const notBefore = at.exactOptional();
const why = z.enum(WHYS).exactOptional();
const ending = {
  ...{ askedAt: at, failing: z.boolean(), notBefore, why },
  retryAt: at.exactOptional(),
};
const placeSchema = z.discriminatedUnion("at", [
  z.strictObject({ at: z.literal("absent") }),
  z.strictObject({ at: z.literal("creating"), deadline: at, askedAt: at, notBefore }),
  z.strictObject({ at: z.literal("asleep") }),
  z.strictObject({
    at: z.literal("waking"),
    deadline: at,
    askedAt: at,
    notBefore,
    isRising: z.literal(true).exactOptional(),
  }),
  z.strictObject({ at: z.literal("loading"), deadline: at, rousing: z.boolean(), askedAt: at }),
  z.strictObject({ at: z.literal("ready"), since: at, sickSince: at.nullable() }),
  z.strictObject({ at: z.literal("napping"), since: at, askedAt: at, sickSince: at.nullable() }),
  z.strictObject({
    at: z.literal("draining"),
    then: z.enum(["nap", "stop", "replace"]),
    sick: z.boolean(),
  }),
  z.strictObject({ at: z.literal("stopping"), deadline: at, ...ending }),
  z.strictObject({ at: z.literal("destroying"), deadline: at, ...ending }),
  z.strictObject({ at: z.literal("failed"), retryAt: at, why }),
]);
