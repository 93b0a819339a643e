/** Opens the providers the fleet file names. */
import type { Clock } from "@/lib/kernel/clock.ts";
import type { FleetFile } from "@/lib/kernel/fleet_file.ts";
import type { Log } from "@/lib/kernel/log.ts";
import { type LocalProvider, openLocal } from "./local.ts";
import type { Provider, Providers } from "./provider.ts";
import { openStatic } from "./static.ts";

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
};

export type OpenProviders = {
  readonly providers: Providers;
  /** Also in `providers`; here for its shutdown. */
  readonly local: LocalProvider;
  close(): Promise<void>;
};

/** Opens them all. `local` is always there: machines of a lineup of yesterday may still run. */
export async function openProviders(
  { fleet, dataDir, deploymentId, env, clock, log }: ProvidersDeps,
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
  const all: readonly Provider[] = [local, openStatic(fleet.lineup)];
  return {
    providers: new Map(all.map((provider) => [provider.name, provider])),
    local,
    async close() {
      await Promise.all(all.map((provider) => provider.close()));
    },
  };
}

/** The environment an engine starts with: ours (PATH, CUDA_*, HF_TOKEN, …) less our secrets. */
export function engineEnv(
  env: ProvidersDeps["env"],
  fleet: Pick<FleetFile, "lineup">,
): Record<string, string> {
  const keys = fleet.lineup.flatMap((tier) => tier.static?.key_env ?? []);
  const hidden = new Set([...GATEWAY_SECRETS, ...keys]);
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] =>
      entry[1] !== undefined && !hidden.has(entry[0])
    ),
  );
}
