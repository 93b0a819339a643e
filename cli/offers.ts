/** `offers`: what the configured providers rent now, at what price, and what of it can hibernate. */
import type { Command } from "commander";
import type { Offer } from "@/lib/providers/offer.ts";
import { formatUsd, type NanoUsd, perMinute } from "@/lib/kernel/money.ts";
import { readFleet } from "./config.ts";
import {
  type CliIo,
  type Column,
  document,
  type Format,
  type Json,
  table,
  withOutput,
} from "./output.ts";
import { withRented } from "./rented.ts";

type Options = { region?: string; gpu?: string; inStock?: boolean; spot?: boolean; output: Format };

export function addOffers(program: Command, io: CliIo): void {
  withOutput(program.command("offers"))
    .description(
      "list what the providers of the fleet file rent, cheapest first; needs their keys and no gateway",
    )
    .option("--region <name>", "only there")
    .option("--gpu <text>", "only kinds with this in their name, such as H100")
    .option("--in-stock", "only what can be rented now")
    .option("--spot", "only what the provider may take away")
    .action((options: Options) => offers(io, options));
}

async function offers(io: CliIo, options: Options): Promise<void> {
  const { region = null, gpu = "" } = options;
  const fleet = await readFleet(io);
  const found: Offer[] = [];
  await withRented(io, { fleet, what: "read what is for rent" }, async (providers) => {
    for (const provider of providers) {
      found.push(...await provider.offers?.(region, io.signal) ?? []);
    }
  });
  const wanted = found
    .filter((offer) => offer.gpu.toLowerCase().includes(gpu.toLowerCase()))
    .filter((offer) => options.inStock !== true || offer.isInStock)
    .filter((offer) => options.spot !== true || offer.isSpot)
    .sort(byPrice);
  if (options.output === "json") return io.out(document({ offers: wanted.map(offerJson) }));
  io.out(table(wanted, COLUMNS));
}

/** What has no price comes last. */
function byPrice({ nanoUsdPerHour: a }: Offer, { nanoUsdPerHour: b }: Offer): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  return a < b ? -1 : a > b ? 1 : 0;
}

const COLUMNS: Column<Offer>[] = [
  { header: "offer", cell: (offer) => offer.name },
  { header: "provider", cell: (offer) => offer.provider },
  { header: "region", cell: (offer) => offer.region },
  { header: "gpu", cell: (offer) => offer.gpu },
  { header: "gpus", right: true, cell: (offer) => offer.gpuCount },
  { header: "price", unit: "USD/h", right: true, cell: (offer) => usd(offer.nanoUsdPerHour) },
  { header: "band", cell: (offer) => offer.isSpot ? "spot" : "standard" },
  { header: "hibernates", cell: (offer) => yesNo(offer.canHibernate) },
  { header: "in stock", cell: (offer) => yesNo(offer.isInStock) },
  { header: "free", right: true, cell: (offer) => offer.free },
  { header: "cpus", right: true, cell: (offer) => offer.cpus },
  { header: "ram", unit: "GB", right: true, cell: (offer) => offer.ramGb },
  { header: "disk", unit: "GB", right: true, cell: (offer) => offer.diskGb },
];

function usd(amount: NanoUsd | null): string | null {
  return amount === null ? null : formatUsd(amount);
}

function yesNo(value: boolean | null): string {
  if (value === null) return "unknown";
  return value ? "yes" : "no";
}

function offerJson(offer: Offer): Json {
  const { nanoUsdPerHour: price } = offer;
  return {
    name: offer.name,
    provider: offer.provider,
    region: offer.region,
    gpu: offer.gpu,
    gpus: offer.gpuCount,
    usd_per_hour: usd(price),
    nano_usd_per_minute: price === null ? null : Number(perMinute(price)),
    spot: offer.isSpot,
    can_hibernate: offer.canHibernate,
    in_stock: offer.isInStock,
    free: offer.free,
    cpus: offer.cpus,
    ram_gb: offer.ramGb,
    disk_gb: offer.diskGb,
    ephemeral_gb: offer.ephemeralGb,
  };
}
