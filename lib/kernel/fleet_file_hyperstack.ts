/** The part of `fleet.yaml` that is about Hyperstack: the account once, and each tier's kind of computer. */
import { z } from "zod";
import { type NanoUsd, parseUsd } from "./money.ts";

const envName = z.string().regex(
  /^[A-Z][A-Z0-9_]*$/,
  "name an environment variable such as HYPERSTACK_API_KEY",
);
const short = z.string().min(1).max(100);

/** `providers.hyperstack`. */
export const hyperstackAccount = z.strictObject({
  /** The environment variable that holds the API key. */
  key_env: envName.default("HYPERSTACK_API_KEY"),
  base_url: z.url({ protocol: /^https?$/, error: "write an http or https URL" })
    .transform((url) => url.replace(/\/+$/, ""))
    .default("https://infrahub-api.nexgencloud.com/v1"),
  /** An environment of the account; it fixes the region. */
  environment: short,
  /** A key pair of that environment, for those who must look at a machine. */
  key_name: short,
  image: short.default("Ubuntu Server 24.04 LTS R570 CUDA 12.8"),
  /** US dollars a day (UTC): once they are billed, nothing more is asked of its machines until midnight. */
  spend_per_day: z.union([z.string(), z.number()]).transform((value, ctx): NanoUsd => {
    const amount = parseUsd(String(value));
    if (amount !== null && amount > 0n) return amount;
    ctx.addIssue({
      code: "custom",
      message: 'write dollars such as "50.00", over 0',
      input: value,
    });
    return z.NEVER;
  }).optional(),
  /** The account may ask 500 times a minute from one address; all replicas together ask this often at most. */
  requests_per_minute: z.int().min(10).max(500).default(300),
});

/** `lineup[].hyperstack`. */
export const hyperstackTier = z.strictObject({
  /** The kind of computer, such as `n3-H100x1`, or `n3-A100x1-spot`. */
  flavor: short,
  image: short.optional(),
  /** Where the engine listens on the machine's public address. */
  port: z.int().min(1).max(65_535).default(8_000),
  /** Who may connect to that port: the gateway's own address is best. */
  allow_from: z.string().regex(
    /^[0-9a-f.:]+\/\d{1,3}$/,
    "write an address range such as 203.0.113.7/32",
  )
    .default("0.0.0.0/0"),
  /** At rest: `hibernate` gives the GPU back and keeps the disk; `stop` keeps both, and is billed in full. */
  rest: z.enum(["hibernate", "stop"]).default("hibernate"),
  /** Keeps the public address through a rest, for its price. */
  retain_ip: z.boolean().default(false),
  /** What `vllm serve` is given: the model first, then its flags. */
  vllm: z.array(z.string().min(1).max(500)).min(1),
  /** What pip installs; name a version, such as `vllm==0.16.0`, so that every machine has the same. */
  engine_package: z.string().min(1).max(200).default("vllm"),
  /** The environment variable that holds the key engines want of us; they are given it at their first start. */
  engine_key_env: envName,
});

export type HyperstackAccount = z.infer<typeof hyperstackAccount>;
export type HyperstackTier = z.infer<typeof hyperstackTier>;

/** What of a tier cannot be, as the provider documents it: where below the tier, what would do, what stands there. */
export function hyperstackTierProblems(
  { flavor, rest }: HyperstackTier,
  band: "spot" | "standard",
): { path: string[]; message: string; input: unknown }[] {
  const problems: { path: string[]; message: string; input: unknown }[] = [];
  if (flavor.endsWith("-spot") && band !== "spot") {
    const message =
      "write spot: the provider may take this tier's machines away, as its flavor says";
    problems.push({ path: ["band"], message, input: band });
  }
  if (rest === "hibernate" && /A4000/.test(flavor)) {
    const message =
      "choose another flavor, or set rest: stop, which is billed in full: this one cannot hibernate";
    problems.push({ path: ["hyperstack", "flavor"], message, input: flavor });
  }
  return problems;
}
