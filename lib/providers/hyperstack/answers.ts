/** What Hyperstack answers, as far as we read it. Source: its OpenAPI document and pages, August 2026. */
import { z } from "zod";
import { type Instant, instant } from "@/lib/kernel/clock.ts";

/** Null where there is none. */
export const text = z.string().nullish().transform((value) => value ?? null);

export const instance = z.object({
  id: z.union([z.int(), z.string()]).transform(String),
  name: z.string(),
  status: z.string(),
  floating_ip: text,
  created_at: text,
  labels: z.array(z.unknown()).nullish().transform((labels) =>
    (labels ?? []).filter((label) => typeof label === "string")
  ),
});
export type Instance = z.infer<typeof instance>;

export const created = z.object({ instances: z.array(instance).min(1) });
export const one = z.object({ instance });
export const many = z.object({
  count: z.int().nullish(),
  instances: z.array(instance),
});
export const available = z.object({ available: z.boolean() });
export const done = z.object({ message: z.string().nullish() });

/** A moment; without a zone it is UTC. Null when there is none, or none that can be read. */
export function momentOf(text: string | null): Instant | null {
  if (text === null) return null;
  const ms = Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`);
  return Number.isNaN(ms) ? null : instant(ms);
}

/** A JSON number or its text, in whole nano-dollars, rounded half away from zero. */
export const usd = z.union([z.number(), z.string().regex(/^-?\d+(\.\d+)?$/)]).transform((value) => {
  const [, sign = "", whole = "0", fraction = ""] =
    /^(-?)(\d+)(?:\.(\d+))?$/.exec(typeof value === "number" ? plain(value) : value) ?? [];
  const nine = fraction.padEnd(10, "0");
  const nano = BigInt(whole) * 1_000_000_000n + BigInt(nine.slice(0, 9)) +
    (nine.charCodeAt(9) >= 53 ? 1n : 0n);
  return sign === "-" ? -nano : nano;
});

/** Without an exponent. */
function plain(value: number): string {
  const short = String(value);
  return /e/i.test(short) ? value.toFixed(12) : short;
}

export const usage = z.object({
  data: z.array(z.object({
    resource_id: z.union([z.int(), z.string()]).transform(String),
    resource_type: z.string(),
    name: z.string().nullish().transform((value) => value ?? ""),
    bill_per_minute: usd.nullish().transform((value) => value ?? 0n),
    total_bill: usd,
    active: z.boolean().nullish().transform((value) => value ?? true),
    create_time: text,
    terminate_time: text,
  })),
});
export const dayCost = z.object({ data: z.object({ total_cost: usd }) })
  .or(z.object({ total_cost: usd }).transform((flat) => ({ data: flat })));
export const credit = z.object({
  data: z.object({ credit: usd, can_create_instance: z.boolean().nullish() }),
});
const minutesOf = z.number().nullish().transform((value) => value ?? null);
export const machineHistory = z.object({
  billing_history_vm: z.object({
    metrics: z.object({
      incurred_bill: usd,
      usage_time_ACTIVE: minutesOf,
      usage_time_SHUTOFF: minutesOf,
      usage_time_HIBERNATED: minutesOf,
    }),
  }),
}).or(
  z.object({
    metrics: z.object({
      incurred_bill: usd,
      usage_time_ACTIVE: minutesOf,
      usage_time_SHUTOFF: minutesOf,
      usage_time_HIBERNATED: minutesOf,
    }),
  }).transform((flat) => ({ billing_history_vm: flat })),
);
