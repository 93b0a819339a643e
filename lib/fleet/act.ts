/** Carries out the effect of a move that is written down, within a limit, and says how it went. */
import { unreachable } from "@/lib/kernel/assert.ts";
import { type Millis, minutes, seconds } from "@/lib/kernel/clock.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import type { Act } from "./decide.ts";
import { asError, kindOf, within } from "./failure.ts";
import type { Lease } from "./lease.ts";
import type { Claim, MoveOutcome } from "./machine_store.ts";
import type { Machine } from "./place.ts";
import type { TierPolicy } from "./policy.ts";
import { type Refusal, refusalOf } from "./refusal.ts";
import { providerOf, refOf, type SightDeps } from "./sight.ts";

/**
 * How long a call may take; its effect may go on longer at the provider. Creating waits for a name, which some give
 * only once the computer runs. The first sleep of a large model was seen to take 42 s.
 */
const ACT_LIMITS: Readonly<Record<Act, Millis>> = {
  create: minutes(5),
  start: seconds(60),
  stop: seconds(60),
  destroy: seconds(60),
  nap: minutes(3),
  rouse: minutes(3),
};
const NAP_LEVEL_DEFAULT = 1;

export type Acted = {
  readonly outcome: MoveOutcome;
  readonly detail: Readonly<Record<string, string | number>>;
  /** What the provider refused it for; null when it did not. */
  readonly refusal: Refusal | null;
  /** The machine, with the name the provider gave it meanwhile. */
  readonly machine: Machine;
};

/** Acts for `machine`, as it is after the move. Failures are values: the next look sees what became of it. */
export async function carryOut(
  deps: SightDeps,
  claim: Claim,
  act: Act,
  policy: TierPolicy,
  lease: Lease,
): Promise<Acted> {
  // The pause since the claim may have been long: a keeper that lost its lease must not act.
  if (!await lease.check()) {
    const detail = { kind: "lease-lost" };
    return { outcome: "refused", detail, refusal: null, machine: claim.machine };
  }
  let { machine } = claim;
  const named = (externalId: string) => {
    machine = { ...machine, externalId };
  };
  const startedMs = deps.clock.elapsedMs();
  const took = () => ({ tookMs: Math.round(deps.clock.elapsedMs() - startedMs) });
  try {
    await within(
      deps.clock,
      ACT_LIMITS[act],
      lease.signal,
      (signal) => call(deps, claim, act, policy, named, signal),
    );
    return { outcome: "done", detail: took(), refusal: null, machine };
  } catch (error) {
    const kind = kindOf(error);
    const fields = { machineId: claim.machine.id, act, kind, error: asError(error) };
    deps.log.warn("keeper.act_failed", fields);
    const detail = { ...took(), kind, message: asError(error).message };
    const outcome = kind === "stale-effect" ? "refused" : "failed";
    return { outcome, detail, refusal: refusalOf(error), machine };
  }
}

async function call(
  deps: SightDeps,
  claim: Claim,
  act: Act,
  policy: TierPolicy,
  named: (externalId: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { machine } = claim;
  const ref = refOf(machine, deps.deploymentId);
  const key = { generation: machine.generation };
  switch (act) {
    case "create": {
      const keepId = async (externalId: string) => {
        named(externalId);
        await deps.store.setAddress(claim, { externalId, baseUrl: machine.baseUrl });
      };
      return await providerOf(deps.providers, machine).create(ref, key, keepId, signal);
    }
    case "start":
      return await providerOf(deps.providers, machine).start(ref, key, signal);
    case "stop":
      return await providerOf(deps.providers, machine).stop(ref, key, signal);
    case "destroy":
      return await providerOf(deps.providers, machine).destroy(ref, key, signal);
    case "nap":
      return await deps.engine.nap(addressOf(machine), levelOf(policy), signal);
    case "rouse":
      return await deps.engine.rouse(addressOf(machine), levelOf(policy), signal);
    default:
      return unreachable(act);
  }
}

function levelOf(policy: TierPolicy): 1 | 2 {
  return policy.nap?.level ?? NAP_LEVEL_DEFAULT;
}

function addressOf({ id, baseUrl }: Machine): string {
  if (baseUrl === null) {
    throw new AppError("internal", `Cannot reach ${id}: its address is not known`);
  }
  return baseUrl;
}
