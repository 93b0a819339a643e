/** The lineup as the router reads it: which tiers can serve a name, in which order, under which policy. Pure. */
import type { Band, FleetFile, ModelSpec, TierSpec } from "@/lib/kernel/fleet_file.ts";
import type { NanoUsd } from "@/lib/kernel/money.ts";

/** One way to serve a request: this tier, this catalogue model, under the name the tier's engine knows. */
export type Target = {
  readonly tier: TierSpec;
  readonly model: ModelSpec;
  readonly upstreamModel: string;
};

/** What a request may insist on. */
export type LineupPolicy = {
  readonly band: Band | null;
  /** The most it will pay per million output tokens; null for any price. */
  readonly maxOutputNanoUsd: NanoUsd | null;
};

export type Lineup = {
  readonly tiers: readonly TierSpec[];
  readonly models: readonly ModelSpec[];
  /** Every name a client may send → the catalogue models it stands for, best first. */
  readonly names: ReadonlyMap<string, readonly ModelSpec[]>;
  /** Every name → all ways to serve it, in the order they are to be tried. */
  readonly targets: ReadonlyMap<string, readonly Target[]>;
};

/** Builds the look-up tables of a fleet file once. */
export function lineupOf(file: FleetFile): Lineup {
  const byId = new Map(file.models.map((model) => [model.id, model]));
  const names = new Map<string, readonly ModelSpec[]>();
  for (const model of file.models) {
    for (const name of [model.id, ...model.aliases]) names.set(name, [model]);
  }
  for (const [route, ids] of Object.entries(file.routes)) {
    names.set(route, ids.flatMap((id) => byId.get(id) ?? []));
  }
  const waysOf = (model: ModelSpec) =>
    file.lineup.flatMap((tier): Target[] => {
      const upstreamModel = tier.serves[model.id];
      return upstreamModel === undefined ? [] : [{ tier, model, upstreamModel }];
    });
  const targets = new Map([...names].map(([name, models]) => [name, models.flatMap(waysOf)]));
  return { tiers: file.lineup, models: file.models, names, targets };
}

/**
 * The targets for `asked`, in the order they are to be tried: the models of a route first to last, and for each
 * model the tiers by priority. Empty when the name is unknown or the policy leaves nothing.
 */
export function targetsFor(
  lineup: Lineup,
  asked: string,
  policy: LineupPolicy,
): readonly Target[] {
  const targets = lineup.targets.get(asked) ?? [];
  if (policy.band === null && policy.maxOutputNanoUsd === null) return targets;
  return targets.filter(({ tier, model }) => allows(policy, tier, model));
}

/** A band without a price is free of charge, so any maximum allows it. */
function allows(policy: LineupPolicy, tier: TierSpec, model: ModelSpec): boolean {
  if (policy.band !== null && policy.band !== tier.band) return false;
  const price = model.prices[tier.band];
  return policy.maxOutputNanoUsd === null || price === undefined ||
    price.output <= policy.maxOutputNanoUsd;
}
