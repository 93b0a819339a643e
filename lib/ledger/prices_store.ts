/** Dated prices in PostgreSQL: each price that was ever in force stays, so that last month is read at last month's. */
import { type Instant, instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { type Band, type FleetFile } from "@/lib/kernel/fleet_file.ts";
import { newId } from "@/lib/kernel/ids.ts";
import { type CurrentPrices, type Price, priceChanges, priceKey, pricesAsked } from "./price.ts";

type PriceRow = {
  id: string;
  model: string;
  band: Band;
  input_nano_usd: string;
  output_nano_usd: string;
  valid_from: Date;
  valid_to: Date | null;
};
const PRICE_COLUMNS: readonly (keyof PriceRow)[] = [
  "id",
  "model",
  "band",
  "input_nano_usd",
  "output_nano_usd",
  "valid_from",
  "valid_to",
];

/**
 * Puts the prices of `fleet.yaml` in force: changed and dropped ones end now, new ones begin at that same moment.
 * Idempotent; replicas that start at once take turns. Answers how many ended and began.
 */
export async function ensurePrices(
  sql: Sql,
  fleet: Pick<FleetFile, "models">,
  now: Instant,
): Promise<{ closed: number; opened: number }> {
  return await sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtextextended('ensure_prices', 0))`;
    const rows = await tx<PriceRow[]>`
      select ${tx(PRICE_COLUMNS)} from prices where valid_to is null`;
    const { close, open } = priceChanges(byKey(rows.map(priceOfRow)), pricesAsked(fleet));
    if (close.length + open.length === 0) return { closed: 0, opened: 0 };

    // Not now(): that is when the transaction began, which may be before a price it waited for. As text: a Date
    // has no microseconds.
    const [moment] = await tx<{ at: string }[]>`
      select greatest(clock_timestamp(), max(valid_from) + interval '1 microsecond')::text as at
      from prices where valid_to is null`;
    const at = moment?.at ?? new Date(now).toISOString();
    await tx`
      update prices set valid_to = ${at}::text::timestamptz
      where id = any(${close.map((price) => price.id)})`;
    for (const ask of open) {
      await tx`
        insert into prices (id, model, band, input_nano_usd, output_nano_usd, valid_from)
        values (
          ${newId("prc", now)}, ${ask.model}, ${ask.band}, ${String(ask.inputNanoUsd)},
          ${String(ask.outputNanoUsd)}, ${at}::text::timestamptz
        )`;
    }
    return { closed: close.length, opened: open.length };
  });
}

/** The prices in force, by {@link priceKey}. */
export async function currentPrices(sql: Sql): Promise<CurrentPrices> {
  const rows = await sql<PriceRow[]>`
    select ${sql(PRICE_COLUMNS)} from prices where valid_to is null`;
  return byKey(rows.map(priceOfRow));
}

function byKey(prices: readonly Price[]): CurrentPrices {
  return new Map(prices.map((price) => [priceKey(price.model, price.band), price]));
}

function priceOfRow(row: PriceRow): Price {
  return {
    id: row.id,
    model: row.model,
    band: row.band,
    inputNanoUsd: BigInt(row.input_nano_usd),
    outputNanoUsd: BigInt(row.output_nano_usd),
    validFrom: instant(row.valid_from.getTime()),
    validTo: row.valid_to === null ? null : instant(row.valid_to.getTime()),
  };
}
