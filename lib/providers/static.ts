/** The `static` provider: servers that are always on. Their engines' health tells the rest. */
import type { TierSpec } from "@/lib/kernel/fleet_file.ts";
import {
  type ListedMachine,
  type MachineRef,
  type MachineStatus,
  type Provider,
  ProviderError,
} from "./provider.ts";

/** A provider over the base URLs of the `static` tiers, one machine per URL. */
export function openStatic(tiers: readonly TierSpec[]): Provider {
  const urls = new Map(
    tiers.filter((tier) => tier.provider === "static")
      .map((tier) => [tier.name, tier.static?.urls ?? []]),
  );
  return {
    name: "static",
    capabilities: {
      rest: "asleep",
      creates: false,
      starts: false,
      restBilling: "unknown",
      billing: { usageSnapshot: false, instanceCost: false },
    },
    status: (ref) => Promise.resolve(statusOf(urls, ref)),
    create: () => Promise.reject(unsupported("create")),
    start: () => Promise.reject(unsupported("start")),
    stop: () => Promise.reject(unsupported("stop")),
    destroy: () => Promise.reject(unsupported("destroy")),
    // Nothing of theirs carries our tag, so none of them can be an orphan of ours.
    list: (): Promise<readonly ListedMachine[]> => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
}

/** On while the lineup names it; `gone` once it does not, so that a retired machine is closed. */
function statusOf(
  urls: ReadonlyMap<string, readonly string[]>,
  { tier, slot }: MachineRef,
): MachineStatus {
  const baseUrl = urls.get(tier)?.[slot];
  if (baseUrl === undefined) {
    return { power: "gone", rawState: "not in the lineup", externalId: null, baseUrl: null };
  }
  return { power: "on", rawState: "always on", externalId: `static:${tier}/${slot}`, baseUrl };
}

function unsupported(operation: string): ProviderError {
  return new ProviderError("unsupported", "static", operation, "its servers are run by others");
}
