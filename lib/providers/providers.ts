/** Opens the providers the fleet file names. */
import type { Clock } from "@/lib/kernel/clock.ts";
import { secretNames } from "@/lib/kernel/config.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { FleetFile, TierSpec } from "@/lib/kernel/fleet_file.ts";
import type { Log } from "@/lib/kernel/log.ts";
import { NAME as HYPERSTACK } from "./hyperstack/failure.ts";
import { openHyperstack } from "./hyperstack/hyperstack.ts";
import { type LocalProvider, openLocal } from "./local.ts";
import type { Provider, Providers } from "./provider.ts";
import { openStatic } from "./static.ts";
import { ownTurns, sharedTurns } from "./turns.ts";

/** What an engine has no business to know. */
export const GATEWAY_SECRETS: readonly string[] = [
  "DATABASE_URL",
  "DEMO_KEY",
  "METRICS_TOKEN",
  "GITHUB_CLIENT_SECRET",
  "SESSION_SECRET",
];

export type ProvidersDeps = {
  readonly fleet: FleetFile;
  /** Absolute; each local machine keeps its state in `machines/<id>` below it. */
  readonly dataDir: string;
  /** Its machines are looked after; those of another deployment in the same directory become orphans. */
  readonly deploymentId: string;
  /** The gateway's environment; engines inherit it without {@link GATEWAY_SECRETS} and the upstream keys. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
  /** Where replicas share a provider's rate limit. Without it each keeps the whole limit for itself. */
  readonly sql?: Sql;
};

export type OpenProviders = {
  readonly providers: Providers;
  /** Also in `providers`; here for its shutdown. */
  readonly local: LocalProvider;
  close(): Promise<void>;
};

/** Opens them all. `local` is always there: machines of a lineup of yesterday may still run. */
export async function openProviders(
  { fleet, dataDir, deploymentId, env, clock, log, sql }: ProvidersDeps,
): Promise<OpenProviders> {
  const local = await openLocal({
    tiers: fleet.lineup,
    root: `${dataDir}/machines`,
    deploymentId,
    env: engineEnv(env, fleet),
    orphanAfterMs: fleet.providers.local.orphan_after,
    clock,
    log: log.with({ provider: "local" }),
  });
  const rented = openRented({ fleet, env, clock, ...(sql === undefined ? {} : { sql }) });
  const all: readonly Provider[] = [
    local,
    openStatic(fleet.lineup),
    ...rented,
  ];
  return {
    providers: new Map(all.map((provider) => [provider.name, provider])),
    local,
    async close() {
      await Promise.all(all.map((provider) => provider.close()));
    },
  };
}

/**
 * Those that rent computers, each whose account the file has and whose key the environment has: also without a tier,
 * since machines of a lineup of yesterday may still cost money.
 */
export function openRented(
  { fleet, env, clock, sql }: Pick<ProvidersDeps, "fleet" | "env" | "clock" | "sql">,
): readonly Provider[] {
  const account = fleet.providers.hyperstack;
  const apiKey = env[account?.key_env ?? ""] ?? "";
  if (account === undefined || apiKey === "") return [];
  const tiers = fleet.lineup.flatMap(({ name, provider, hyperstack }) =>
    provider !== HYPERSTACK || hyperstack === undefined
      ? []
      : [[name, { ...hyperstack, engineKey: env[hyperstack.engine_key_env] ?? "" }] as const]
  );
  const perMinute = account.requests_per_minute;
  const turns = sql === undefined
    ? ownTurns(HYPERSTACK, perMinute, clock)
    : sharedTurns(sql, HYPERSTACK, perMinute, clock);
  return [openHyperstack({ account, apiKey, tiers: new Map(tiers), clock, turns })];
}

/** The key the gateway sends to a tier's engines, or null for none. */
export function engineKey(tier: TierSpec, env: ProvidersDeps["env"]): string | null {
  const name = tier.static?.key_env ?? tier.hyperstack?.engine_key_env;
  return name === undefined ? null : env[name] ?? null;
}

/** The environment an engine starts with: ours (PATH, CUDA_*, HF_TOKEN, …) less our secrets. */
export function engineEnv(
  env: ProvidersDeps["env"],
  fleet: Pick<FleetFile, "lineup" | "providers">,
): Record<string, string> {
  const keys = secretNames(fleet).map(({ name }) => name);
  const hidden = new Set([...GATEWAY_SECRETS, ...keys]);
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] =>
      entry[1] !== undefined && !hidden.has(entry[0])
    ),
  );
}
