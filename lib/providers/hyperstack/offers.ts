/**
 * What Hyperstack rents: its flavors joined with their stock and their price. Flavors carry no price, and the pricebook
 * no region; both go by the flavor's name, which is what clients of it do, and not documented.
 */
import { z } from "zod";
import type { Offer } from "../offer.ts";
import { text, usd } from "./answers.ts";
import type { Call, HyperstackClient } from "./client.ts";
import { NAME } from "./failure.ts";

const count = z.union([z.number(), z.string().regex(/^\d+(\.\d+)?$/).transform(Number)]);
const maybeCount = count.nullish().catch(null).transform((value) => value ?? null);

const flavor = z.object({
  name: z.string(),
  region_name: z.string(),
  gpu: text.transform((value) => value ?? ""),
  gpu_count: z.int(),
  cpu: z.number(),
  ram: z.number(),
  disk: z.number(),
  ephemeral: z.number().nullish().transform((value) => value ?? 0),
  stock_available: z.boolean(),
  // The keys that were seen; one that is missing says nothing.
  features: z.object({ no_hibernation: z.boolean().nullish() }).nullish(),
});
export const flavors = z.object({ data: z.array(z.object({ flavors: z.array(flavor) })) });
export const stocks = z.object({
  stocks: z.array(z.object({
    region: z.string(),
    models: z.array(z.object({
      model: z.string(),
      // A number as text.
      available: maybeCount,
      // `1x`, `2x`, …: how many machines with so many GPUs.
      configurations: z.record(z.string(), maybeCount).nullish(),
    })),
  })),
});
/** Not in the envelope: a bare array, by the hour. */
export const pricebook = z.array(z.object({ name: z.string(), value: usd }));
export const environments = z.object({
  environments: z.array(z.object({ name: z.string(), region: z.string() })),
});

type Flavor = z.infer<typeof flavor>;

/** Everything the account may rent, by region and name; `region`: only there. Throws ProviderError. */
export async function listOffers(
  client: HyperstackClient,
  region: string | null,
  signal: AbortSignal,
): Promise<readonly Offer[]> {
  // One after the other: three calls at once would take the turns of who acts.
  const offered = await client.call(
    { ...READ, path: "/core/flavors", ...in_(region), answer: flavors },
    signal,
  );
  const stock = await client.call({ ...READ, path: "/core/stocks", answer: stocks }, signal);
  const prices = await client.call({ ...READ, path: "/pricebook", answer: pricebook }, signal);
  return joined(offered.data.flatMap((group) => group.flavors), stock, prices);
}

const READ = { operation: "offers", kind: "read", method: "GET" } as const;

function in_(region: string | null): Pick<Call<unknown>, "query"> {
  return region === null ? {} : { query: { region } };
}

/** Joins the three. A flavor without a price is unpriced, and one without a stock model is counted by nobody. Pure. */
export function joined(
  offered: readonly Flavor[],
  { stocks: regions }: z.infer<typeof stocks>,
  prices: z.infer<typeof pricebook>,
): readonly Offer[] {
  const priceOf = new Map(prices.map(({ name, value }) => [name, value]));
  return offered.map((each): Offer => {
    const models = regions.filter(({ region }) => region === each.region_name)
      .flatMap((region) => region.models);
    const configurations = models.find(({ model }) => model === each.gpu)?.configurations;
    return {
      provider: NAME,
      name: each.name,
      region: each.region_name,
      gpu: each.gpu,
      gpuCount: each.gpu_count,
      cpus: each.cpu,
      ramGb: each.ram,
      diskGb: each.disk,
      ephemeralGb: each.ephemeral,
      nanoUsdPerHour: priceOf.get(each.name) ?? null,
      isSpot: isSpot(each.name),
      canHibernate: canHibernate(each),
      isInStock: each.stock_available,
      free: configurations?.[`${each.gpu_count}x`] ?? null,
    };
  }).sort((a, b) => a.region.localeCompare(b.region) || a.name.localeCompare(b.name));
}

/** Spot machines are flavors of their own, by their name; the request to create one says nothing of it. */
export function isSpot(flavorName: string): boolean {
  return flavorName.endsWith("-spot");
}

/** What the flavor says of itself, else what the provider's table of hibernation says of its kind. */
export function canHibernate(
  { features, gpu, gpu_count, region_name }: Pick<
    Flavor,
    "features" | "gpu" | "gpu_count" | "region_name"
  >,
): boolean | null {
  const says = features?.no_hibernation;
  if (says !== undefined && says !== null) return !says;
  if (gpu_count === 0 || /A4000/.test(gpu)) return false;
  if (/H100.*SXM/.test(gpu) && region_name === "US-1") return false;
  return null;
}
