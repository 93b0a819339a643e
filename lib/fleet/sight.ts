/** Gathers what can be seen of one machine: provider, engine, demand. No transaction is open meanwhile. */
import { type Clock, type Instant, type Millis, seconds } from "@/lib/kernel/clock.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { Engine, EngineSight } from "@/lib/engine/engine.ts";
import {
  type MachineRef,
  type MachineStatus,
  ProviderError,
  type Providers,
} from "@/lib/providers/provider.ts";
import type { Sight } from "./decide.ts";
import { asError, kindOf, within } from "./failure.ts";
import { type Demand, holdsAddress, type MachineStore, type WakePhase } from "./machine_store.ts";
import type { Machine } from "./place.ts";
import type { TierPolicy } from "./policy.ts";
import { rateWait, refusalOf } from "./refusal.ts";
import { isPowerless } from "./step.ts";

export type SightDeps = {
  readonly clock: Clock;
  readonly store: MachineStore;
  readonly providers: Providers;
  readonly engine: Engine;
  readonly deploymentId: string;
  readonly log: Log;
};

export type Gathered = {
  readonly sight: Sight;
  /** The machine with what the provider said of its name and address. */
  readonly machine: Machine;
  readonly wake: Demand["wake"];
  /** Steps of the wake that are seen for the first time. */
  readonly newPhases: readonly WakePhase[];
  /** The provider did not answer, for it is asked too often: it is to be left alone so long. */
  readonly leaveFor: Millis | null;
};

const STATUS_LIMIT: Millis = seconds(10);
const ENGINE_LOOK_LIMIT: Millis = seconds(5);
const NOBODY: EngineSight = { health: "unreachable", portOpen: false };

/** Looks at a machine from all sides. A provider that does not answer makes its power `unknown`; a store that does not, throws. */
export async function gather(
  deps: SightDeps,
  machine: Machine,
  policy: TierPolicy,
  now: Instant,
  signal: AbortSignal,
): Promise<Gathered> {
  const [told, demand] = await Promise.all([
    lookAtPower(deps, machine, signal),
    deps.store.demand(machine.id, now),
  ]);
  const { status, leaveFor } = told;
  const addressed = status === null ? machine : readdress(machine, status);
  const power = status?.power ?? "unknown";
  const engine = await lookAtEngine(deps, addressed, power, policy, signal);
  const sight: Sight = {
    power,
    engine: engine.health,
    portOpen: engine.portOpen,
    openRows: demand.openRows,
    lastUsedAt: demand.lastUsedAt,
    waiting: demand.wake !== null,
    replacedAt: demand.replacedAt,
    ...(status?.endedAs === undefined ? {} : { endedAs: status.endedAs }),
    ...(status?.isHalted === undefined ? {} : { isHalted: status.isHalted }),
    ...(status?.rentedAt === undefined ? {} : { rentedAt: status.rentedAt }),
  };
  return {
    sight,
    machine: addressed,
    wake: demand.wake,
    newPhases: phasesSeen(addressed, sight, status?.isActive === true).filter((phase) =>
      demand.wake !== null && !demand.wake.stamped.includes(phase)
    ),
    leaveFor,
  };
}

/** How a machine is named to its provider. */
export function refOf(machine: Machine, deploymentId: string): MachineRef {
  const { id: machineId, tier, slot, externalId } = machine;
  return { machineId, deploymentId, tier, slot, externalId };
}

/** The machine's provider. Throws ProviderError `unsupported` when this deployment has none of that name. */
export function providerOf(providers: Providers, { provider: name }: Machine) {
  const provider = providers.get(name);
  if (provider === undefined) {
    throw new ProviderError("unsupported", name, "find", "this deployment has no such provider");
  }
  return provider;
}

type Told = { readonly status: MachineStatus | null; readonly leaveFor: Millis | null };

async function lookAtPower(
  { clock, providers, deploymentId, log }: SightDeps,
  machine: Machine,
  signal: AbortSignal,
): Promise<Told> {
  try {
    const ref = refOf(machine, deploymentId);
    const provider = providerOf(providers, machine);
    const ask = (limited: AbortSignal) => provider.status(ref, limited);
    return { status: await within(clock, STATUS_LIMIT, signal, ask), leaveFor: null };
  } catch (error) {
    signal.throwIfAborted();
    const fields = { machineId: machine.id, kind: kindOf(error), error: asError(error) };
    log.warn("keeper.status_unknown", fields);
    const refusal = refusalOf(error);
    const isLimited = refusal?.kind === "rate-limited";
    return { status: null, leaveFor: isLimited ? rateWait(refusal.retryAfter) : null };
  }
}

function readdress(machine: Machine, { power, externalId, baseUrl }: MachineStatus): Machine {
  if (power === "gone" || power === "unknown") return machine;
  return {
    ...machine,
    externalId: externalId ?? machine.externalId,
    // An address of a computer at rest may be another's by the time it runs again.
    baseUrl: holdsAddress(machine.place.at) || machine.place.at === "waking" ||
        machine.place.at === "creating"
      ? baseUrl ?? machine.baseUrl
      : null,
  };
}

async function lookAtEngine(
  { clock, engine, log }: SightDeps,
  machine: Machine,
  power: MachineStatus["power"],
  policy: TierPolicy,
  signal: AbortSignal,
): Promise<EngineSight> {
  const { baseUrl, place } = machine;
  if (baseUrl === null) return NOBODY;
  const isUp = place.at === "ready" || place.at === "napping" || place.at === "draining";
  const loads = place.at === "loading" && !isPowerless({ power });
  if (!isUp && !loads) return NOBODY;
  const sleeps = policy.nap !== null || place.at === "napping" ||
    (place.at === "loading" && place.rousing);
  try {
    return await within(
      clock,
      ENGINE_LOOK_LIMIT,
      signal,
      (limited) => engine.look(baseUrl, { sleeps }, limited),
    );
  } catch (error) {
    signal.throwIfAborted();
    log.warn("keeper.engine_unreachable", { machineId: machine.id, error: asError(error) });
    return NOBODY;
  }
}

/** `isActive`: it has power by the provider's word, with or without an address. */
function phasesSeen(
  { baseUrl, place }: Machine,
  sight: Sight,
  isActive: boolean,
): WakePhase[] {
  const { engine, portOpen, power } = sight;
  const phases: WakePhase[] = [];
  // Power it still has on its way to rest is not yet what the wake brought.
  if (place.at === "stopping" || place.at === "destroying" || place.at === "failed") return phases;
  const hasPower = power === "on" && sight.isHalted !== true;
  if (hasPower || isActive) phases.push("powerOn");
  if (hasPower && baseUrl !== null) phases.push("address");
  if (portOpen) phases.push("portOpen");
  if (engine === "healthy") phases.push("healthy");
  return phases;
}
