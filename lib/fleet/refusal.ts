/** What it means that a provider refused an effect: for the machine, for its tier, and for how long. Pure. */
import { unreachable } from "@/lib/kernel/assert.ts";
import { type Instant, later, type Millis, millis, minutes } from "@/lib/kernel/clock.ts";
import { ProviderError, type ProviderErrorKind } from "@/lib/providers/provider.ts";
import type { Act } from "./decide.ts";
import type { Machine } from "./place.ts";
import type { TierPolicy } from "./policy.ts";

/** A provider's refusal as it classed it. */
export type Refusal = { readonly kind: ProviderErrorKind; readonly retryAfter: Millis | null };

/**
 * Why a failed machine is left alone for a while, where it is not that it would not start: its provider refused it, took
 * it away, or it broke too often.
 */
export type Why =
  | "capacity"
  | "insufficient-funds"
  | "auth"
  | "invalid-request"
  | "preempted"
  | "broken";

export const WHYS = [
  "capacity",
  "insufficient-funds",
  "auth",
  "invalid-request",
  "preempted",
  "broken",
] as const satisfies readonly Why[];

/** Somebody must pay, or mend a key or a lineup; asking more often changes nothing. */
const COOL_DOWN = {
  "insufficient-funds": minutes(5),
  auth: minutes(5),
  "invalid-request": minutes(10),
} as const satisfies Partial<Record<Why, Millis>>;

/** A provider that limits us is asked again after this long when it does not say when, and after this long at most. */
const RATE_WAIT: Millis = minutes(1);
const RATE_WAIT_MAX: Millis = minutes(5);

/** The refusal that an effect's failure tells of; null when it is no word of a provider. */
export function refusalOf(thrown: unknown): Refusal | null {
  if (!(thrown instanceof ProviderError)) return null;
  return { kind: thrown.kind, retryAfter: thrown.options.retryAfterMs ?? null };
}

/** What a refusal asks for. */
export type Verdict =
  /** Nothing like it can be had now: the tier is walked past. */
  | { readonly kind: "walk-past"; readonly why: Why; readonly until: Instant }
  /** The same may be asked again, but not before. */
  | { readonly kind: "wait"; readonly until: Instant }
  /** It may or may not have been carried out, or the machine is not where we thought: only a look tells. */
  | { readonly kind: "look" };

/** Judges the refusal of `act`. */
export function judgeRefusal(
  { kind, retryAfter }: Refusal,
  act: Act,
  policy: Pick<TierPolicy, "noStock">,
  now: Instant,
): Verdict {
  switch (kind) {
    case "capacity":
      return { kind: "walk-past", why: kind, until: later(now, policy.noStock) };
    case "insufficient-funds":
    case "auth":
    case "invalid-request":
      return refusedAs(kind, now);
    case "unsupported":
      return refusedAs("invalid-request", now);
    case "not-found":
      // Of a computer that is yet to be, only what the lineup names for it can be missing: its image, its kind.
      return act === "create" ? refusedAs("invalid-request", now) : { kind: "look" };
    case "rate-limited":
      return { kind: "wait", until: later(now, rateWait(retryAfter)) };
    case "conflict":
    case "invalid-state":
    case "unavailable":
    case "stale-effect":
    case "ambiguous-write":
    case "malformed-response":
      return { kind: "look" };
    default:
      return unreachable(kind);
  }
}

function refusedAs(why: keyof typeof COOL_DOWN, now: Instant): Verdict {
  return { kind: "walk-past", why, until: later(now, COOL_DOWN[why]) };
}

/** How long a provider that limits us is left alone. */
export function rateWait(retryAfter: Millis | null): Millis {
  return millis(Math.min(Math.max(retryAfter ?? RATE_WAIT, 0), RATE_WAIT_MAX));
}

/**
 * Until when nothing new is asked for a tier, and why: what one machine of it was refused, another would be. Null when
 * it may be asked.
 */
export function coolDownOf(
  machines: readonly Pick<Machine, "place" | "retired">[],
  now: Instant,
): { readonly why: Why; readonly until: Instant } | null {
  let found: { why: Why; until: Instant } | null = null;
  for (const { place, retired } of machines) {
    const isCooling = place.at === "failed" || place.at === "stopping" || place.at === "destroying";
    if (!isCooling || retired) continue;
    const { why, retryAt } = place;
    // That one broke says nothing of the others.
    if (why === undefined || why === "broken" || retryAt === undefined || retryAt <= now) continue;
    if (found === null || retryAt > found.until) found = { why, until: retryAt };
  }
  return found;
}

/** What people are told. */
export const WHY_TEXT = {
  capacity: "the provider has no stock of it (capacity)",
  "insufficient-funds": "the provider's account has no credit left (insufficient-funds)",
  auth: "the provider does not accept our key (auth)",
  "invalid-request": "the provider does not accept what the lineup asks for (invalid-request)",
  preempted: "the provider took it back (preempted)",
  broken: "it broke, and was replaced as often as it may be for now (broken)",
} as const satisfies Record<Why, string>;
