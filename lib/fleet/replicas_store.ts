/** The replicas of this deployment and their heartbeats. Time is the database's, so skewed clocks agree. */
import { type Clock, type Instant, instant, seconds } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { Log } from "@/lib/kernel/log.ts";
import { asError } from "./failure.ts";

export type Replica = {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
};

export type LiveReplica = Replica & { readonly startedAt: Instant; readonly seenAt: Instant };

export const HEARTBEAT_EVERY = seconds(2);
/** A replica not heard of for this long is dead, and its open rows are swept. */
export const DEAD_AFTER = seconds(10);

/** Writes the replica down; again after a restart under the same id is harmless. */
export async function registerReplica(sql: Sql, replica: Replica): Promise<void> {
  const { id, host, pid, version } = replica;
  await sql`
    insert into replicas (id, host, pid, version) values (${id}, ${host}, ${pid}, ${version})
    on conflict (id) do update set
      host = excluded.host, pid = excluded.pid, version = excluded.version, seen_at = now(), ended_at = null
  `;
}

/** One heartbeat. False: the replica is not known, or was ended. */
export async function beat(sql: Sql, replicaId: string): Promise<boolean> {
  const seen = await sql`
    update replicas set seen_at = now() where id = ${replicaId} and ended_at is null
  `;
  return seen.count === 1;
}

/** Says that the replica stopped in order. */
export async function endReplica(sql: Sql, replicaId: string): Promise<void> {
  await sql`update replicas set ended_at = now() where id = ${replicaId} and ended_at is null`;
}

/** The replicas heard of within {@link DEAD_AFTER}, oldest first. */
export async function liveReplicas(sql: Sql): Promise<LiveReplica[]> {
  const rows = await sql<(Replica & { startedAt: Date; seenAt: Date })[]>`
    select id, host, pid, version, started_at as "startedAt", seen_at as "seenAt"
    from replicas
    where ended_at is null and seen_at > now() - ${DEAD_AFTER / 1_000} * interval '1 second'
    order by started_at, id
  `;
  return rows.map((row) => ({
    ...row,
    startedAt: instant(row.startedAt.getTime()),
    seenAt: instant(row.seenAt.getTime()),
  }));
}

export type HeartbeatDeps = { readonly sql: Sql; readonly clock: Clock; readonly log: Log };

/** Registers the replica and beats until stopped; `stop` ends it in the table too. Rejects when it cannot register. */
export async function startHeartbeat(
  { sql, clock, log }: HeartbeatDeps,
  replica: Replica,
): Promise<{ stop(): Promise<void> }> {
  await registerReplica(sql, replica);
  const over = new AbortController();

  async function keepBeating(): Promise<void> {
    while (true) {
      await clock.sleep(HEARTBEAT_EVERY, over.signal);
      if (over.signal.aborted) return;
      try {
        // Another took us for ended: we are not.
        if (!await beat(sql, replica.id)) await registerReplica(sql, replica);
      } catch (error) {
        log.warn("replica.heartbeat_failed", { replicaId: replica.id, error: asError(error) });
      }
    }
  }

  const beating = keepBeating();
  return {
    async stop() {
      over.abort();
      await beating;
      await endReplica(sql, replica.id);
    },
  };
}
