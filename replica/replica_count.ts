/** How many replicas a start runs. Pure. */
import type { Config } from "@/lib/kernel/config.ts";

export type Machine = {
  readonly cores: number;
  /** As `Deno.build.os` has it. */
  readonly os: string;
};

/** More than this gains little beside the database and the engines; who wants it sets REPLICAS. */
const BY_DEFAULT_MAX = 4;

/** The rest is for the database, which costs about as much as a replica, for local engines and for who asks. */
const CORES_PER_REPLICA = 4;

/**
 * REPLICAS, or one for every four cores: measured on four, a second one only takes from the database. Only Linux spreads
 * connections over the processes that share a port, and a port chosen by the system is known to one process alone.
 */
export function replicaCount(
  { replicas, port }: Pick<Config, "replicas" | "port">,
  { cores, os }: Machine,
): number {
  if (port === 0 || os !== "linux") return 1;
  return replicas ?? Math.min(BY_DEFAULT_MAX, Math.max(1, Math.floor(cores / CORES_PER_REPLICA)));
}
