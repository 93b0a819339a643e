/** Holds the lineup against what its providers really rent, once, before anything is rented. */
import { type Clock, type Millis, millis } from "@/lib/kernel/clock.ts";
import { ConfigError, type ConfigProblem } from "@/lib/kernel/config.ts";
import type { FleetFile } from "@/lib/kernel/fleet_file.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { Providers } from "./provider.ts";

/** A gateway starts without the answer, rather than wait longer for it. */
const ANSWER_WITHIN: Millis = millis(10_000);

/** Throws ConfigError naming every field that cannot be. A provider that does not answer says nothing against it. */
export async function checkLineup(
  providers: Providers,
  { lineup }: Pick<FleetFile, "lineup">,
  { clock, log }: { clock: Clock; log: Log },
): Promise<void> {
  const problems: ConfigProblem[] = [];
  for (const provider of providers.values()) {
    if (provider.check === undefined) continue;
    const overdue = new AbortController();
    const answered = new AbortController();
    void clock.sleep(ANSWER_WITHIN, answered.signal).then(() => overdue.abort());
    try {
      for (const { tier, field, value, remedy } of await provider.check(overdue.signal)) {
        const at = lineup.findIndex(({ name }) => name === tier);
        problems.push({ where: `fleet.yaml lineup.${at}.${field}`, value, remedy });
      }
    } catch (error) {
      log.warn("providers.unchecked", {
        provider: provider.name,
        error: error instanceof Error ? error : new Error(String(error)),
      });
    } finally {
      answered.abort();
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
}
