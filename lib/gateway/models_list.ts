/** The model catalogue as `GET /v1/models` tells it: cold models too, with their state and time to wake. Pure. */
import { type Instant, since } from "@/lib/kernel/clock.ts";
import type { ModelSpec, TierSpec } from "@/lib/kernel/fleet_file.ts";
import { formatUsd } from "@/lib/kernel/money.ts";
import type { FleetView } from "@/lib/fleet/fleet_view.ts";
import type { Lineup } from "@/lib/fleet/lineup.ts";
import { type Machine, SHOWN_STATE, type ShownState } from "@/lib/fleet/place.ts";

/** OpenAI's model object, with what we know beyond it under one additive member. */
export type ModelObject = {
  id: string;
  object: "model";
  created: number;
  owned_by: string;
  emberlane: {
    name: string;
    kind: ModelSpec["kind"];
    context_tokens: number;
    aliases: readonly string[];
    state: ShownState;
    /** Seconds until a request would be served: 0 when Active, from this tier's own history otherwise; null: unknown. */
    eta_s: number | null;
    tiers: readonly {
      name: string;
      band: TierSpec["band"];
      state: ShownState;
      eta_s: number | null;
      /** US dollars per million tokens, as exact decimals; null: no charge is set. */
      price_usd_per_mtok: { input: string; output: string } | null;
    }[];
  };
};

/** A model is in the best state of the tiers that serve it. */
const BEST_FIRST: readonly ShownState[] = [
  "Active",
  "Sleeping",
  "Warming up",
  "Cooling down",
  "Cold",
  "Failed",
];

type Fleet = Pick<FleetView, "machines" | "openWake" | "etaFor">;

/** One model's object. `createdS` is when this deployment first named it, in Unix seconds. */
export function modelObject(
  model: ModelSpec,
  lineup: Lineup,
  fleet: Fleet,
  createdS: number,
  now: Instant,
): ModelObject {
  const tiers = lineup.tiers.filter((tier) => tier.serves[model.id] !== undefined).map((tier) => {
    const price = model.prices[tier.band];
    return {
      name: tier.name,
      band: tier.band,
      state: tierState(fleet.machines().filter((machine) => machine.tier === tier.name)),
      eta_s: tierEtaS(tier, fleet, now),
      price_usd_per_mtok: price === undefined
        ? null
        : { input: formatUsd(price.input), output: formatUsd(price.output) },
    };
  });
  const etas = tiers.flatMap((tier) => tier.eta_s === null ? [] : [tier.eta_s]);
  return {
    id: model.id,
    object: "model",
    created: createdS,
    owned_by: model.vendor,
    emberlane: {
      name: model.name,
      kind: model.kind,
      context_tokens: model.context_tokens,
      aliases: model.aliases,
      state: best(tiers.map((tier) => tier.state)),
      eta_s: etas.length === 0 ? null : Math.min(...etas),
      tiers,
    },
  };
}

/** The best state among a tier's machines. */
export function tierState(machines: readonly Machine[]): ShownState {
  return best(machines.map((machine) => SHOWN_STATE[machine.place.at]));
}

function best(states: readonly ShownState[]): ShownState {
  return BEST_FIRST.find((state) => states.includes(state)) ?? "Cold";
}

function tierEtaS(tier: TierSpec, fleet: Fleet, now: Instant): number | null {
  const machines = fleet.machines().filter((machine) => machine.tier === tier.name);
  if (machines.some((machine) => machine.place.at === "ready")) return 0;
  const times = fleet.etaFor(tier.name);
  if (times === null) return null;
  const wake = fleet.openWake(tier.name);
  const elapsedS = wake === null ? 0 : since(wake.askedAt, now) / 1_000;
  return Math.max(1, Math.round(times.p50S - elapsedS));
}
