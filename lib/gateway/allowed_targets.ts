/** Which ways to serve a request are open to it: the model it names, the band and price it allows, the models of its key. Pure. */
import { AppError } from "@/lib/kernel/errors.ts";
import type { TierSpec } from "@/lib/kernel/fleet_file.ts";
import { type ApiKey, mayUseModel } from "@/lib/accounts/api_key.ts";
import { type Lineup, type Target, targetsFor } from "@/lib/fleet/lineup.ts";
import type { RequestPolicy } from "./request_policy.ts";

/** Throws `model_not_found` for a name nobody knows, `no_upstream` when the policy leaves no tier. */
export function targetsOf(
  lineup: Lineup,
  asked: string,
  policy: RequestPolicy,
): readonly Target[] {
  if (!lineup.names.has(asked)) {
    const known = lineup.models.map((model) => model.id).join(", ");
    const shown = asked.slice(0, 100);
    throw new AppError(
      "model_not_found",
      `The model "${shown}" does not exist: choose one of ${known}`,
      {
        param: "model",
      },
    );
  }
  const targets = targetsFor(lineup, asked, policy);
  if (targets.length > 0) return targets;
  const anywhere = targetsFor(lineup, asked, { band: null, maxOutputNanoUsd: null }).length > 0;
  throw new AppError(
    "no_upstream",
    anywhere
      ? `No tier serves "${asked}" within the band and price you allow: relax x-emberlane-band or x-emberlane-max-price`
      : `No tier of the lineup serves "${asked}" now`,
    { retryAfterS: 60, shouldRetry: false },
  );
}

/** The targets whose tier may be asked for more. Throws why the first may not when none is left. */
export function openTargets(
  targets: readonly Target[],
  closedTier: (tier: TierSpec) => AppError | null,
): readonly Target[] {
  let refusal: AppError | null = null;
  const open = targets.filter(({ tier }) => {
    const closed = closedTier(tier);
    refusal ??= closed;
    return closed === null;
  });
  if (open.length === 0 && refusal !== null) throw refusal;
  return open;
}

/** The targets whose model the key may use; a route walks past the others. Throws `model_not_allowed` when none is left. */
export function allowedTargets(
  key: ApiKey,
  asked: string,
  targets: readonly Target[],
): readonly Target[] {
  if (key.models === null) return targets;
  const allowed = targets.filter(({ model }) => mayUseModel(key, model.id).kind === "ok");
  if (allowed.length > 0) return allowed;
  const verdict = mayUseModel(key, targets[0]?.model.id ?? asked);
  if (verdict.kind === "refused") throw verdict.error;
  return [];
}
