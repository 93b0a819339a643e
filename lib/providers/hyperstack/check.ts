/** Whether the lineup's tiers can be what they are to be, as far as the account's own offers say so. */
import type { HyperstackAccount, HyperstackTier } from "@/lib/kernel/fleet_file_hyperstack.ts";
import type { TierProblem } from "../provider.ts";
import type { HyperstackClient } from "./client.ts";
import { canHibernate, environments, flavors } from "./offers.ts";
import type { z } from "zod";

const PAGE_SIZE = 100;

/** Asks for the region and its flavors. Throws ProviderError; then nothing is known. */
export async function checkTiers(
  client: HyperstackClient,
  account: HyperstackAccount,
  tiers: ReadonlyMap<string, HyperstackTier>,
  signal: AbortSignal,
): Promise<readonly TierProblem[]> {
  if (tiers.size === 0) return [];
  const read = { operation: "check", kind: "read", method: "GET" } as const;
  const query = { page: "1", pageSize: String(PAGE_SIZE) };
  const known = await client.call(
    { ...read, path: "/core/environments", query, answer: environments },
    signal,
  );
  const region = known.environments.find(({ name }) => name === account.environment)?.region;
  const offered = await client.call({
    ...{ ...read, path: "/core/flavors", answer: flavors },
    ...(region === undefined ? {} : { query: { region } }),
  }, signal);
  return problemsOf(tiers, offered);
}

/**
 * The tiers that are to hibernate on a flavor that cannot. One that is offered under its name more than once is refused
 * only when none of them can, and one that is not listed is not refused: some flavors are not. Pure.
 */
export function problemsOf(
  tiers: ReadonlyMap<string, HyperstackTier>,
  offered: z.infer<typeof flavors>,
): readonly TierProblem[] {
  const all = offered.data.flatMap((group) => group.flavors);
  return [...tiers].flatMap(([tier, { flavor, rest }]): TierProblem[] => {
    const named = all.filter(({ name }) => name === flavor);
    const cannot = named.length > 0 && named.every((each) => canHibernate(each) === false);
    if (rest !== "hibernate" || !cannot) return [];
    return [{
      tier,
      field: "hyperstack.flavor",
      value: flavor,
      remedy: "choose a flavor that can hibernate, or set hyperstack.rest: stop, which is billed " +
        "in full",
    }];
  });
}
