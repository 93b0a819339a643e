/** Money: whole nano-dollars as `bigint`, rounded once, by a function whose name says how. */

/** Billionths of a US dollar. */
export type NanoUsd = bigint;

const NANO_PER_USD = 1_000_000_000n;
const TOKENS_PER_MTOK = 1_000_000n;
const USD_TEXT = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?$/;

/**
 * Reads a decimal dollar amount such as `"0.30"` exactly.
 * Returns null when it is not one (at most 9 decimals, 12 digits before the point).
 */
export function parseUsd(text: string): NanoUsd | null {
  const parts = USD_TEXT.exec(text.trim());
  if (parts === null) return null;
  const whole = BigInt(parts[2] ?? "0") * NANO_PER_USD;
  const nano = whole + BigInt((parts[3] ?? "").padEnd(9, "0"));
  return parts[1] === "-" ? -nano : nano;
}

/** Writes nano-dollars as an exact decimal, at least two places: `0.30`, `0.000001234`. */
export function formatUsd(amount: NanoUsd): string {
  const sign = amount < 0n ? "-" : "";
  const size = amount < 0n ? -amount : amount;
  const fraction = (size % NANO_PER_USD).toString().padStart(9, "0").replace(/0{1,7}$/, "");
  return `${sign}${size / NANO_PER_USD}.${fraction}`;
}

/**
 * What `tokens` cost at `priceNanoUsd` per million tokens, rounded half up to the nano-dollar.
 * Callers that price input and output add the two unrounded parts through {@link costOfUsage}.
 */
export function costOfTokens(tokens: number, priceNanoUsd: NanoUsd): NanoUsd {
  return roundHalfUp(BigInt(tokens) * priceNanoUsd, TOKENS_PER_MTOK);
}

/** The cost of one request, rounded once. Prices are per million tokens. */
export function costOfUsage(
  usage: { promptTokens: number; completionTokens: number },
  price: { inputNanoUsd: NanoUsd; outputNanoUsd: NanoUsd },
): NanoUsd {
  const exact = BigInt(usage.promptTokens) * price.inputNanoUsd +
    BigInt(usage.completionTokens) * price.outputNanoUsd;
  return roundHalfUp(exact, TOKENS_PER_MTOK);
}

/** The price of a minute by the hour's, rounded half up to the nano-dollar. */
export function perMinute(nanoUsdPerHour: NanoUsd): NanoUsd {
  return roundHalfUp(nanoUsdPerHour, 60n);
}

function roundHalfUp(numerator: bigint, denominator: bigint): bigint {
  return (2n * numerator + denominator) / (2n * denominator);
}
