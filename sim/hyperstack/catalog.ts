/** What the simulated account may rent: regions, flavors with prices, images. Facts as published in August 2026. */

export type Flavor = {
  readonly id: number;
  readonly name: string;
  readonly region: string;
  readonly gpu: string;
  readonly gpuCount: number;
  readonly cpu: number;
  readonly ramGb: number;
  /** The root disk, kept while hibernated. */
  readonly diskGb: number;
  /** Lost when hibernated. */
  readonly ephemeralGb: number;
  readonly nanoUsdPerHour: bigint;
  readonly spot: boolean;
  readonly hibernates: boolean;
};

type Kind = {
  readonly short: string;
  readonly gpu: string;
  readonly regions: readonly string[];
  readonly centsPerGpuHour: number;
  readonly spotCentsPerGpuHour: number | null;
  readonly hibernates: (region: string) => boolean;
};

const ANY = () => true;
const KINDS: readonly Kind[] = [
  kind("A100", "A100-80G-PCIe", ["CANADA-1", "NORWAY-1"], 135, 108),
  kind("A100-NVLink", "A100-80G-PCIe-NVLink", ["CANADA-1"], 140, null),
  kind("H100", "H100-80G-PCIe", ["CANADA-1", "US-1"], 250, 200),
  kind("H100-NVLink", "H100-80G-PCIe-NVLink", ["CANADA-1"], 260, null),
  kind(
    "H100-SXM5",
    "H100-80G-SXM5",
    ["CANADA-1", "US-1"],
    320,
    null,
    (region) => region === "CANADA-1",
  ),
  kind("L40", "L40", ["CANADA-1", "NORWAY-1"], 100, 80),
  kind("RTX-A6000", "RTX-A6000", ["CANADA-1", "NORWAY-1"], 50, 40),
  kind("RTX-A4000", "RTX-A4000", ["NORWAY-1"], 15, null, () => false),
];

const COUNTS = [1, 2, 4, 8] as const;
const CPU_PER_GPU = 24;
const RAM_GB_PER_GPU = 180;
const ROOT_DISK_GB = 100;
const EPHEMERAL_GB_PER_GPU = 750;
const NANO_USD_PER_CENT = 10_000_000n;

export const REGIONS = ["CANADA-1", "NORWAY-1", "US-1"] as const;
export const IMAGES = [
  "Ubuntu Server 22.04 LTS R535 CUDA 12.2 with Docker",
  "Ubuntu Server 22.04 LTS R550 CUDA 12.4 with Docker",
  // Sources name it both ways.
  "Ubuntu Server 24.04 LTS R570 CUDA 12.8",
  "Ubuntu Server 24.04 LTS R570 CUDA 12.8 with Docker",
  "Ubuntu Server 24.04 LTS (Noble Numbat)",
] as const;

/** Every flavor; the spot ones are flavors of their own, suffixed `-spot`. */
export const FLAVORS: readonly Flavor[] = KINDS.flatMap((each) =>
  each.regions.flatMap((region) =>
    COUNTS.flatMap((gpuCount) => {
      const base = {
        region,
        gpu: each.gpu,
        gpuCount,
        cpu: CPU_PER_GPU * gpuCount,
        ramGb: RAM_GB_PER_GPU * gpuCount,
        diskGb: ROOT_DISK_GB,
        ephemeralGb: EPHEMERAL_GB_PER_GPU * gpuCount,
        hibernates: each.hibernates(region),
      };
      const price = (cents: number) => BigInt(cents * gpuCount) * NANO_USD_PER_CENT;
      const name = `n3-${each.short}x${gpuCount}`;
      const onDemand = { ...base, name, spot: false, nanoUsdPerHour: price(each.centsPerGpuHour) };
      if (each.spotCentsPerGpuHour === null) return [onDemand];
      const spot = price(each.spotCentsPerGpuHour);
      return [onDemand, { ...base, name: `${name}-spot`, spot: true, nanoUsdPerHour: spot }];
    })
  )
).map((flavor, at) => ({ id: at + 1, ...flavor }));

/** The flavor of a name in a region, if there is one. */
export function flavorOf(name: string, region: string): Flavor | null {
  return FLAVORS.find((flavor) => flavor.name === name && flavor.region === region) ?? null;
}

/** Where the GPUs of a flavor are counted: on demand and spot draw on the same ones. */
export function stockKey(flavor: Pick<Flavor, "region" | "gpu">): string {
  return `${flavor.region}/${flavor.gpu}`;
}

function kind(
  short: string,
  gpu: string,
  regions: readonly string[],
  centsPerGpuHour: number,
  spotCentsPerGpuHour: number | null,
  hibernates: (region: string) => boolean = ANY,
): Kind {
  return { short, gpu, regions, centsPerGpuHour, spotCentsPerGpuHour, hibernates };
}
