/** The providers that rent computers, opened from the fleet file and the environment alone. */
import type { Sql } from "@/lib/kernel/database.ts";
import type { FleetFile } from "@/lib/kernel/fleet_file.ts";
import type { Provider } from "@/lib/providers/provider.ts";
import { openRented } from "@/lib/providers/providers.ts";
import { CliError, type CliIo, EXIT } from "./output.ts";

/** At least one; `sql`: where a running gateway keeps the rate limit, which is shared then. Throws CliError. */
export function rentedOrFail(io: CliIo, fleet: FleetFile, sql?: Sql): readonly Provider[] {
  const { env, clock } = io;
  const providers = openRented({ fleet, env, clock, ...(sql === undefined ? {} : { sql }) });
  if (providers.length > 0) return providers;
  const account = fleet.providers.hyperstack;
  throw new CliError(
    EXIT.config,
    account === undefined
      ? "Cannot ask any provider: the fleet file has none that rents computers (providers.hyperstack)"
      : `Cannot ask hyperstack: set ${account.key_env} in the environment`,
  );
}
