/** Holds the lineup against what its providers really rent, once, before anything is rented. */
import { ConfigError, type ConfigProblem } from "@/lib/kernel/config.ts";
import type { FleetFile } from "@/lib/kernel/fleet_file.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { Providers } from "./provider.ts";

/** A gateway starts without the answer, rather than wait longer for it; by the computer's own time, whatever its clock. */
const ANSWER_MS_MAX = 5_000;

/** Throws ConfigError naming every field that cannot be. A provider that does not answer says nothing against it. */
export async function checkLineup(
  providers: Providers,
  { lineup }: Pick<FleetFile, "lineup">,
  log: Log,
): Promise<void> {
  const problems: ConfigProblem[] = [];
  for (const provider of providers.values()) {
    if (provider.check === undefined) continue;
    try {
      const found = await provider.check(AbortSignal.timeout(ANSWER_MS_MAX));
      for (const { tier, field, value, remedy } of found) {
        const at = lineup.findIndex(({ name }) => name === tier);
        problems.push({ where: `fleet.yaml lineup.${at}.${field}`, value, remedy });
      }
    } catch (error) {
      log.warn("providers.unchecked", {
        provider: provider.name,
        error: error instanceof Error ? error : new Error(String(error)),
      });
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
}
