/** What a workload costs at a price: the ledger's own arithmetic, for the calculator and the example. Pure. */
import type { Band } from "@/lib/kernel/fleet_file.ts";
import { costOfUsage, formatUsd, type NanoUsd } from "@/lib/kernel/money.ts";

export type Workload = {
  readonly model: string;
  readonly requestsPerDay: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
};

/** A band's price per million tokens; null: no charge is set. */
export type BandRate = {
  readonly band: Band;
  readonly rate: { readonly inputNanoUsd: NanoUsd; readonly outputNanoUsd: NanoUsd } | null;
};

export type ModelRates = {
  readonly id: string;
  readonly name: string;
  readonly bands: readonly BandRate[];
};

/** What may be entered for each number, and what stands there at first. */
export const WORKLOAD_FIELDS = {
  requestsPerDay: { param: "requests", label: "Requests per day", least: 0, most: 10_000_000 },
  promptTokens: { param: "prompt", label: "Prompt tokens per request", least: 0, most: 1_000_000 },
  completionTokens: {
    param: "completion",
    label: "Completion tokens per request",
    least: 0,
    most: 1_000_000,
  },
} as const;
export type WorkloadField = keyof typeof WORKLOAD_FIELDS;

const EXAMPLE = { requestsPerDay: 2_000, promptTokens: 1_500, completionTokens: 400 } as const;
export const DAYS_PER_MONTH = 30;
const NANO_PER_USD = 1_000_000_000n;
const NANO_PER_CENT = NANO_PER_USD / 100n;

/** Reads a workload from a URL: what is no whole number is the example's, what is too large the largest. */
export function workloadOf(
  params: Pick<URLSearchParams, "get">,
  models: readonly { readonly id: string }[],
): Workload {
  const asked = params.get("model") ?? "";
  const known = models.find((model) => model.id === asked) ?? models[0];
  const number = (field: WorkloadField) =>
    wholeNumber(params.get(WORKLOAD_FIELDS[field].param) ?? "", field) ?? EXAMPLE[field];
  return {
    model: known?.id ?? "",
    requestsPerDay: number("requestsPerDay"),
    promptTokens: number("promptTokens"),
    completionTokens: number("completionTokens"),
  };
}

/** A field's number within its limits; null when the text is none. */
export function wholeNumber(text: string, field: WorkloadField): number | null {
  const digits = text.trim();
  if (!/^\d{1,15}$/.test(digits)) return null;
  const { least, most } = WORKLOAD_FIELDS[field];
  return Math.min(most, Math.max(least, Number(digits)));
}

/** The workload as a URL's query. */
export function workloadSearch(workload: Workload): string {
  const params = new URLSearchParams({ model: workload.model });
  for (const field of ["requestsPerDay", "promptTokens", "completionTokens"] as const) {
    params.set(WORKLOAD_FIELDS[field].param, String(workload[field]));
  }
  return `?${params}`;
}

export type WorkloadCost = {
  /** As the ledger would write it down: rounded once, half up. */
  readonly perRequestNanoUsd: NanoUsd;
  readonly perDayNanoUsd: NanoUsd;
  /** Of 30 days. */
  readonly perMonthNanoUsd: NanoUsd;
};

/** Each request is priced as the ledger prices it, then multiplied; so the sum is what the usage rows would add up to. */
export function workloadCost(
  { requestsPerDay, promptTokens, completionTokens }: Workload,
  rate: NonNullable<BandRate["rate"]>,
): WorkloadCost {
  const perRequestNanoUsd = costOfUsage({ promptTokens, completionTokens }, rate);
  const perDayNanoUsd = perRequestNanoUsd * BigInt(requestsPerDay);
  return {
    perRequestNanoUsd,
    perDayNanoUsd,
    perMonthNanoUsd: perDayNanoUsd * BigInt(DAYS_PER_MONTH),
  };
}

/**
 * An amount for reading: whole cents (half up) with separators from one cent on, below that every digit.
 * `1234567890123` → `1,234.57`; `150000` → `0.00015`.
 */
export function readableUsd(amount: NanoUsd): string {
  if (amount < NANO_PER_CENT) return formatUsd(amount);
  const cents = (2n * amount + NANO_PER_CENT) / (2n * NANO_PER_CENT);
  const whole = (cents / 100n).toString().replace(/\B(?=(\d{3})+$)/g, ",");
  return `${whole}.${(cents % 100n).toString().padStart(2, "0")}`;
}

/** How much less `part` is than `whole`, in whole per cent rounded down; null when nothing is saved. */
export function savedPercent(part: NanoUsd, whole: NanoUsd): number | null {
  return whole <= 0n || part >= whole ? null : Number((whole - part) * 100n / whole);
}
