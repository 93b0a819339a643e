/** How long each step of a machine's life may take, and what its provider can do: a tier's settings as the keeper reads them. */
import { days, type Millis, millis, minutes, seconds } from "@/lib/kernel/clock.ts";
import type { TierSpec } from "@/lib/kernel/fleet_file.ts";
import type { ProviderCapabilities, Providers } from "@/lib/providers/provider.ts";
import { REPLACEMENTS_TOLD } from "./machine_store.ts";
import type { Machine } from "./place.ts";

/** Every span and flag that {@link decide} weighs for one machine. */
export type TierPolicy = {
  /** From asking for power, or for a computer, until power is on. */
  readonly power: Millis;
  readonly create: Millis;
  /** From power on until the engine is healthy. */
  readonly load: Millis;
  /** From asking for a stop or a destruction until it is a matter for a warning. */
  readonly stop: Millis;
  /** An effect that shows no sign for this long may be lost, and is asked for again. */
  readonly reask: Millis;
  /** An engine unwell for this long is given up. */
  readonly sick: Millis;
  /** Quiet for this long: stopped. */
  readonly idle: Millis;
  /** Quiet for `after`: put to sleep mode first. Null: the tier does not nap. */
  readonly nap: { readonly after: Millis; readonly level: 1 | 2 } | null;
  /** The wait after the last allowed attempt failed; doubles from there to `retryMax`. */
  readonly retry: Millis;
  readonly retryMax: Millis;
  /** Starts that may fail in a row before the machine counts as failed. */
  readonly attempts: number;
  /** The tier is walked past for so long after its provider had no stock, or took a machine back. */
  readonly noStock: Millis;
  /** The provider may take its computers back at any time (spot). */
  readonly preemptible: boolean;
  /** A computer that was rented this long ago is drained, ended and rented anew. Null: it may grow old. */
  readonly ageMax: Millis | null;
  /** An old computer may finish what it runs for so long; no request lasts longer. */
  readonly drain: Millis;
  /** A computer that broke is replaced at most so often within a span. */
  readonly replacements: { readonly max: number; readonly within: Millis };
  /** Where it rests: a computer that can be started again, or none. */
  readonly rest: "asleep" | "absent";
  readonly creates: boolean;
  readonly starts: boolean;
  /** Wanted without being asked for. */
  readonly alwaysReady: boolean;
};

/** What of a provider a policy depends on. */
type Abilities = Pick<ProviderCapabilities, "rest" | "creates" | "starts">;

/** Where computers are rented, one is not kept for longer: what was forgotten about it is not paid for ever. */
const AGE_MAX: Millis = days(30);

/** The part of its age by which each of so many slots is ended sooner than the slot before. */
const AGE_APART = 0.02;
const SLOTS_APART = 10;

/** A computer that breaks more often does so for a reason that another one does not mend. */
const REPLACEMENTS: TierPolicy["replacements"] = { max: 3, within: REPLACEMENTS_TOLD };

/** Renting a computer takes longer than starting one: this many times the power limit. */
const CREATE_OVER_POWER = 3;

/**
 * The policy of machine `slot` of a tier. A computer that can neither be created nor started (`static`) is always
 * wanted, since nothing is saved by leaving it alone.
 */
export function policyOf(
  tier: TierSpec,
  slot: number,
  capabilities: Abilities,
): TierPolicy {
  const { wake } = tier;
  const { rest, creates, starts } = capabilities;
  return {
    power: wake.power,
    create: millis(wake.power * CREATE_OVER_POWER),
    load: wake.load,
    stop: wake.stop,
    reask: wake.reask,
    sick: wake.sick,
    idle: tier.idle,
    nap: tier.nap ?? null,
    retry: wake.retry,
    retryMax: wake.retry_max,
    attempts: wake.attempts,
    noStock: wake.no_stock,
    preemptible: creates && tier.band === "spot",
    ageMax: creates ? ageMaxOf(tier, slot) : null,
    drain: tier.limits.total,
    replacements: REPLACEMENTS,
    rest,
    creates,
    starts,
    alwaysReady: (!creates && !starts) || slot < tier.always_ready,
  };
}

/** Each slot a little sooner than the one before, so that a tier rented in one hour does not end in one hour. */
function ageMaxOf({ age_max: ageMax = AGE_MAX }: TierSpec, slot: number): Millis {
  return millis(Math.round(ageMax * (1 - AGE_APART * (slot % SLOTS_APART))));
}

/** Whether the computer is not ours to start, stop or end. */
export function isFixed(policy: TierPolicy): boolean {
  return !policy.starts && !policy.creates;
}

/** Finds a machine's policy; machines of tiers that the lineup no longer names get one that only winds them down. */
export function policies(
  lineup: readonly TierSpec[],
  providers: Providers,
): (machine: Pick<Machine, "tier" | "slot" | "provider">) => TierPolicy {
  const tiers = new Map(lineup.map((tier) => [tier.name, tier]));
  return ({ tier: tierName, slot, provider }) => {
    const capabilities = providers.get(provider)?.capabilities ?? UNKNOWN_PROVIDER;
    const tier = tiers.get(tierName);
    return tier !== undefined && tier.provider === provider
      ? policyOf(tier, slot, capabilities)
      : { ...WINDING_DOWN, ...flagsOf(capabilities) };
  };
}

/** A provider this deployment no longer has: its machines can be neither seen nor moved. */
const UNKNOWN_PROVIDER: Abilities = { rest: "asleep", creates: false, starts: false };

const WINDING_DOWN = {
  power: minutes(5),
  create: minutes(15),
  load: minutes(10),
  stop: minutes(5),
  reask: seconds(30),
  sick: seconds(15),
  idle: minutes(15),
  nap: null,
  retry: seconds(10),
  retryMax: minutes(5),
  attempts: 1,
  noStock: minutes(2),
  preemptible: false,
  ageMax: null,
  drain: minutes(60),
  replacements: REPLACEMENTS,
  alwaysReady: false,
} as const;

function flagsOf({ rest, creates, starts }: Abilities): Abilities {
  return { rest, creates, starts };
}
