/** The providers that rent computers, opened from the fleet file and the environment alone. */
import type { Sql } from "@/lib/kernel/database.ts";
import type { FleetFile } from "@/lib/kernel/fleet_file.ts";
import { type Provider, ProviderError } from "@/lib/providers/provider.ts";
import { openRented } from "@/lib/providers/providers.ts";
import { CliError, type CliIo, EXIT } from "./output.ts";

export type RentedAsk = {
  readonly fleet: FleetFile;
  /** Where a running gateway keeps the rate limit, which is shared then. */
  readonly sql?: Sql;
  /** What is asked of them, for the error when one does not answer. */
  readonly what: string;
};

/** Runs `use` with the providers, at least one, and closes them. Throws CliError when there is none or one does not answer. */
export async function withRented(
  io: CliIo,
  { what, ...from }: RentedAsk,
  use: (providers: readonly Provider[]) => Promise<void>,
): Promise<void> {
  const { env, clock } = io;
  const providers = openRented({ ...from, env, clock });
  if (providers.length === 0) throw noneOf(from.fleet);
  try {
    await use(providers);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    throw new CliError(EXIT.unreachable, `Cannot ${what}: ${error.message}`, { cause: error });
  } finally {
    await Promise.all(providers.map((provider) => provider.close()));
  }
}

function noneOf({ providers: { hyperstack: account } }: FleetFile): CliError {
  return new CliError(
    EXIT.config,
    account === undefined
      ? "Cannot ask any provider: the fleet file has none that rents computers (providers.hyperstack)"
      : `Cannot ask hyperstack: set ${account.key_env} in the environment`,
  );
}
